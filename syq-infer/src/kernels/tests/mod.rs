//! Every kernel of every instruction set of this machine against the reference, by `==`.

mod convolution;
mod finish_into;
#[cfg(target_arch = "x86_64")]
mod products;
mod rows;
#[cfg(target_arch = "x86_64")]
mod subnormals;
mod support;
mod windows;
