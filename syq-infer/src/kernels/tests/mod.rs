//! Every kernel of every instruction set of this machine against the reference, by `==`.

mod convolution;
mod finish_into;
mod rows;
mod support;
mod windows;
