//! A fused multiply-add for processors without the instruction.
//!
//! There `f32::mul_add` is a call into the C library, which cannot be vectorised. Instead: the product
//! of two f32 is exact in f64; their sum with the third is rounded to f64 *to odd*, which keeps a
//! trace of every lost bit, and then to f32. f64 has more than two bits to spare over f32, so that
//! the two roundings equal one (Boldo and Melquiond, IEEE Transactions on Computers 57(4), 2008),
//! subnormal results included.

/// x · y + z, rounded once: the bits of [`f32::mul_add`].
#[inline(always)]
pub(crate) fn fma(x: f32, y: f32, z: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { x.mul_add(y, z) } else { by_odd_rounding(x, y, z) }
}

#[inline(always)]
fn by_odd_rounding(x: f32, y: f32, z: f32) -> f32 {
    let product = f64::from(x) * f64::from(y);
    let z = f64::from(z);
    let sum = product + z;
    // Knuth's TwoSum: what the rounding of `sum` lost, exactly. NaN where the sum is not finite.
    let part = sum - product;
    let lost = (product - (sum - part)) + (z - part);
    let inexact = u64::from(lost.abs() > 0.0);
    // Truncated instead (one back if the rounding went away from zero), then the trace in the last bit.
    let bits = sum.to_bits();
    let away = ((lost.to_bits() ^ bits) >> 63) & inexact;
    let odd = bits.wrapping_sub(away) | inexact;
    f64::from_bits(odd) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::Rng;

    fn check(x: f32, y: f32, z: f32) {
        let (found, expected) = (by_odd_rounding(x, y, z), x.mul_add(y, z));
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "fma({x:e}, {y:e}, {z:e}) = {found:e} instead of {expected:e}");
    }

    #[test]
    fn special_values() {
        let values = [0.0, 1.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY, f32::NAN, f32::EPSILON, 3e-23];
        let signed: Vec<f32> = values.iter().flat_map(|v| [*v, -*v]).collect();
        for &x in &signed {
            for &y in &signed {
                for &z in &signed {
                    check(x, y, z);
                }
            }
        }
    }

    #[test]
    fn random_bits() {
        let mut rng = Pcg64::new(1, 1);
        let mut next = || f32::from_bits(rng.next_u32());
        for _ in 0..1_000_000 {
            check(next(), next(), next());
        }
    }

    /// Sums near a tie of the last place, and results among the subnormals, where a second rounding
    /// would show.
    #[test]
    fn random_bits_near_ties() {
        let mut rng = Pcg64::new(2, 1);
        for i in 0..2_000_000u32 {
            let word = rng.next_u64();
            let mantissa = |shift: u32, exponent: i32| {
                let bits = ((word >> shift) as u32 & 0x1f) << (18 * (i & 1)) | 1 << 22;
                f32::from_bits((((127 + exponent) as u32) << 23) | (bits & 0x7f_ffff))
            };
            let spread = ((word >> 40) % 60) as i32 - 30;
            let low = if i % 3 == 0 { -70 } else { -12 };
            let z = mantissa(10, (2 * low + spread).max(-126));
            check(mantissa(0, low), mantissa(5, low), if word >> 63 == 0 { z } else { -z });
        }
    }
}
