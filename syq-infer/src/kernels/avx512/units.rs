//! What processors with AVX-512 differ in, and the instruction set does not tell.

use std::arch::x86_64::__cpuid;
use std::sync::OnceLock;

/// Registers of byte products that a core begins in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) enum Products {
    /// Zen 4, whose units are half as wide as its registers.
    One,
    /// Intel's servers. Others are taken for one of them: where they are not, nothing is lost but a few memory accesses.
    Two,
}

/// That of the processor.
pub(in crate::kernels) fn products() -> Products {
    static FOUND: OnceLock<Products> = OnceLock::new();
    #[cfg(test)]
    if let Some(forced) = FORCED.get() {
        return forced;
    }
    *FOUND.get_or_init(|| of(leaf(0), leaf(1)[0]))
}

/// The registers `eax`, `ebx`, `ecx` and `edx` of a leaf that every processor of this kind has.
#[allow(unused_unsafe, reason = "later compilers than the oldest that is supported call it safe")]
fn leaf(number: u32) -> [u32; 4] {
    // SAFETY: every x86-64 processor has the instruction.
    let leaf = unsafe { __cpuid(number) };
    [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]
}

/// By the vendor of leaf 0 and the family of leaf 1.
fn of([_, ebx, ecx, edx]: [u32; 4], version: u32) -> Products {
    let vendor = [ebx, edx, ecx].map(u32::to_le_bytes);
    // The extended family counts where the family is 15, as all of AMD's are.
    let family = (version >> 8 & 0xf) + (version >> 20 & 0xff);
    if vendor.as_flattened() == b"AuthenticAMD" && family == 0x19 { Products::One } else { Products::Two }
}

#[cfg(test)]
std::thread_local! {
    /// What the tests of this thread take the processor for.
    pub(in crate::kernels) static FORCED: std::cell::Cell<Option<Products>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_known_by_their_leaves() {
        let vendor = |name: &[u8; 12]| {
            let word = |at: usize| u32::from_le_bytes(name[at..at + 4].try_into().unwrap());
            [1, word(0), word(8), word(4)]
        };
        let (amd, intel) = (vendor(b"AuthenticAMD"), vendor(b"GenuineIntel"));
        // An EPYC 9004, one of the 9005s, a Xeon of the third generation.
        assert_eq!(of(amd, 0x00a1_0f11), Products::One);
        assert_eq!(of(amd, 0x00b0_0f21), Products::Two);
        assert_eq!(of(intel, 0x0006_06a6), Products::Two);
    }
}
