//! Activation quantizers: k bits, one step a tensor, forward and straight-through backward.
//!
//! A code is `u = clamp(floor(x / s + 1/2), 0, 2^k − 1)` and stands for the value `u · s`
//! (SYQ, CVPR 2018: ReLU, clip, round half up). The division is one fused multiply-add with the
//! reciprocal, `floor(fma(x, 1/s, 1/2))`, in every executor: that is part of the numeric contract.
//!
//! What has both signs, as the picture has, takes the signed 8-bit quantizer instead: v in [−127, 127],
//! stored as the byte `u = v + 128`. A byte stands for `(u − zero) · s`, and the zero point is 128
//! there and 0 for the unsigned quantizers.

use crate::error::{CoreError, CoreErrorKind};
use serde::{Deserialize, Serialize};

/// Bits of an activation code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum BitWidth {
    /// One bit: codes 0 and 1.
    One,
    /// Two bits: codes 0 to 3.
    Two,
    /// Three bits: codes 0 to 7.
    Three,
    /// Four bits: codes 0 to 15.
    Four,
    /// Eight bits: codes 0 to 255.
    Eight,
}

impl BitWidth {
    /// Every bit width that is offered, ascending.
    pub const ALL: [Self; 5] = [Self::One, Self::Two, Self::Three, Self::Four, Self::Eight];

    /// The number of bits, k.
    pub const fn bits(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The largest code, 2^k − 1.
    pub const fn largest(self) -> u8 {
        (((1u32 << self.bits()) - 1) & 0xff) as u8
    }
}

impl TryFrom<u32> for BitWidth {
    type Error = CoreErrorKind;

    fn try_from(bits: u32) -> Result<Self, Self::Error> {
        Self::ALL.into_iter().find(|width| width.bits() == bits).ok_or(CoreErrorKind::Bits { bits })
    }
}

impl From<BitWidth> for u32 {
    fn from(width: BitWidth) -> Self {
        width.bits()
    }
}

/// How the step of an activation quantizer is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationRange {
    /// The paper's: clip to [0, 1], step 1 / (2^k − 1).
    Unit,
    /// Fixed point with this many fractional bits f (it may be negative): step 2^−f, range
    /// [0, (2^k − 1) · 2^−f].
    FixedPoint(i8),
    /// A learned step (LSQ, Esser et al., ICLR 2020), kept beside the network's other parameters.
    Learned,
    /// Signed, for values of both signs: [−bound, bound], step bound / 127. Of 8 bits alone.
    Symmetric(f32),
}

/// The zero point of the signed quantizer: the byte of the value 0.
const SIGNED_ZERO: u8 = 128;
/// The largest signed code; the smallest is its negative.
const SIGNED_LARGEST: f32 = 127.0;

/// An activation quantizer as a network describes it; a learned step is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationQuantizer {
    /// Bits of a code.
    pub bits: BitWidth,
    /// How the step is chosen.
    pub range: ActivationRange,
}

impl ActivationQuantizer {
    /// The byte that stands for the value 0: 128 for signed codes, otherwise 0.
    pub const fn zero(&self) -> u8 {
        match self.range {
            ActivationRange::Symmetric(_) => SIGNED_ZERO,
            ActivationRange::Unit | ActivationRange::FixedPoint(_) | ActivationRange::Learned => 0,
        }
    }

    /// Checks what does not depend on a learned step: a symmetric range has 8 bits.
    ///
    /// # Errors
    /// [`CoreErrorKind::SymmetricBits`]; names `layer`.
    pub fn check(&self, layer: &str) -> Result<(), CoreError> {
        match self.range {
            ActivationRange::Symmetric(_) if self.bits != BitWidth::Eight => {
                Err(CoreError::new(layer, CoreErrorKind::SymmetricBits { bits: self.bits.bits() }))
            }
            _ => Ok(()),
        }
    }

    /// The levels of the quantizer; `learned` is used by [`ActivationRange::Learned`] alone.
    ///
    /// # Errors
    /// As [`Self::check`], or a step that is not positive and finite, or whose reciprocal is not; names
    /// `layer`.
    pub fn levels(&self, layer: &str, learned: Option<f32>) -> Result<Levels, CoreError> {
        self.check(layer)?;
        let largest = self.bits.largest();
        let [step, inverse_step] = match self.range {
            ActivationRange::Unit => [1.0 / f32::from(largest), f32::from(largest)],
            ActivationRange::FixedPoint(fraction) => [2f32.powi(-i32::from(fraction)), 2f32.powi(i32::from(fraction))],
            ActivationRange::Learned => {
                let step = learned.unwrap_or(f32::NAN);
                [step, 1.0 / step]
            }
            ActivationRange::Symmetric(bound) => [bound / SIGNED_LARGEST, SIGNED_LARGEST / bound],
        };
        if !(step > 0.0 && step.is_normal() && inverse_step.is_normal()) {
            return Err(CoreError::new(layer, CoreErrorKind::Step { step }));
        }
        Ok(Levels { step, inverse_step, largest, zero: self.zero() })
    }
}

/// The levels 0, s, 2s … (2^k − 1)·s of one quantized tensor, or −127·s … 127·s of a signed one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The step s.
    pub step: f32,
    /// What x is multiplied by: 1/s, exactly 2^k − 1 for the paper's clip.
    pub inverse_step: f32,
    /// The largest code, 2^k − 1.
    pub largest: u8,
    /// The zero point: the code of the value 0; 0 unless the codes are signed.
    pub zero: u8,
}

impl Levels {
    /// The smallest code: as far below the zero point as the largest is above it, or 0.
    #[inline(always)]
    pub const fn smallest(&self) -> u8 {
        // 128 − (255 − 128) = 1; unsigned codes have nothing below their zero point.
        self.zero.saturating_sub(self.largest.saturating_sub(self.zero))
    }

    /// The smallest and the largest value in steps: 0 and 2^k − 1, or −127 and 127.
    #[inline(always)]
    pub fn bounds(&self) -> [f32; 2] {
        [self.smallest(), self.largest].map(|code| f32::from(code) - f32::from(self.zero))
    }

    /// The code of `x`, rounded half up. NaN gives the code of 0.
    #[inline(always)]
    pub fn code(&self, x: f32) -> u8 {
        let [smallest, largest] = self.bounds();
        // `clamp` keeps NaN and `as` maps it to 0.
        let steps = x.mul_add(self.inverse_step, 0.5).floor().clamp(smallest, largest) as i16;
        (steps + i16::from(self.zero)) as u8
    }

    /// The value that `code` stands for.
    #[inline(always)]
    pub fn value(&self, code: u8) -> f32 {
        f32::from(i16::from(code) - i16::from(self.zero)) * self.step
    }

    /// The straight-through gradient: ∂L/∂x given `g` = ∂L/∂(value): `g` inside the range
    /// ([0, (2^k − 1)·s] or [−127·s, 127·s]), zero outside.
    #[inline(always)]
    pub fn input_gradient(&self, x: f32, g: f32) -> f32 {
        let t = x * self.inverse_step;
        let [smallest, largest] = self.bounds();
        if t >= smallest && t <= largest { g } else { 0.0 }
    }

    /// ∂(value)/∂s (LSQ, eq. 3): the code less its zero point, less x/s, inside the range; outside it
    /// the bound, which is 2^k − 1 above and 0 below for unsigned codes.
    #[inline(always)]
    pub fn step_gradient(&self, x: f32) -> f32 {
        let t = x * self.inverse_step;
        let [smallest, largest] = self.bounds();
        if t < smallest {
            smallest
        } else if t > largest {
            largest
        } else {
            f32::from(i16::from(self.code(x)) - i16::from(self.zero)) - t
        }
    }

    /// LSQ's initial step, 2 · mean|x| / √(2^k − 1), from the values that the quantizer will see.
    pub fn initial_step(mean_magnitude: f32, bits: BitWidth) -> f32 {
        2.0 * mean_magnitude / f32::from(bits.largest()).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(bits: BitWidth, range: ActivationRange) -> Levels {
        ActivationQuantizer { bits, range }.levels("a", Some(0.25)).unwrap()
    }

    #[test]
    fn rounds_half_up_and_clips() {
        let two = levels(BitWidth::Two, ActivationRange::Unit);
        let codes = [-1.0, 0.0, 0.166, 0.167, 0.5, 0.84, 1.0, 9.0, f32::NAN, f32::INFINITY].map(|x| two.code(x));
        assert_eq!(codes, [0, 0, 0, 1, 2, 3, 3, 3, 0, 3]);
        let eight = levels(BitWidth::Eight, ActivationRange::Unit);
        assert!((0..=255u8).all(|code| eight.code(eight.value(code)) == code));
    }

    #[test]
    fn fixed_point_covers_its_range() {
        let fixed = levels(BitWidth::Four, ActivationRange::FixedPoint(2));
        assert_eq!((fixed.step, fixed.code(3.75), fixed.code(100.0), fixed.code(0.125)), (0.25, 15, 15, 1));
    }

    #[test]
    fn learned_step_gradient_follows_lsq() {
        let l = levels(BitWidth::Two, ActivationRange::Learned);
        assert_eq!(l.step_gradient(-0.1), 0.0);
        assert_eq!(l.step_gradient(1.0), 3.0);
        assert_eq!(l.step_gradient(0.3), 1.0 - 1.2);
        assert_eq!(
            [l.input_gradient(0.75, 2.0), l.input_gradient(0.76, 2.0), l.input_gradient(-0.01, 2.0)],
            [2.0, 0.0, 0.0]
        );
    }

    #[test]
    fn signed_codes_lie_around_their_zero_point() {
        let l = levels(BitWidth::Eight, ActivationRange::Symmetric(127.0 / 64.0));
        assert_eq!(
            (l.step, l.inverse_step, l.zero, l.smallest(), l.bounds()),
            (1.0 / 64.0, 64.0, 128, 1, [-127.0, 127.0])
        );
        // Half up also below zero: −0.5 steps round to 0 and −1.5 to −1.
        let steps = [-1e9, -127.0, -1.5, -1.49, -0.5, -0.51, 0.0, 0.49, 0.5, 127.0, f32::INFINITY, f32::NAN];
        let codes = steps.map(|steps| i32::from(l.code(steps / 64.0)) - 128);
        assert_eq!(codes, [-127, -127, -1, -1, 0, -1, 0, 0, 1, 127, 127, 0]);
        assert!((1..=255u8).all(|code| l.code(l.value(code)) == code));
        assert_eq!([l.value(128), l.value(1), l.value(255)], [0.0, -127.0 / 64.0, 127.0 / 64.0]);
        let gradients = [-2.0, -1.9, 0.0, 1.9, 2.0].map(|x| l.input_gradient(x, 3.0));
        assert_eq!(gradients, [0.0, 3.0, 3.0, 3.0, 0.0]);
        assert_eq!(
            [l.step_gradient(-9.0), l.step_gradient(9.0), l.step_gradient(-0.75 / 64.0)],
            [-127.0, 127.0, -0.25]
        );
        for (bits, range) in [(BitWidth::Two, ActivationRange::Learned), (BitWidth::Eight, ActivationRange::Unit)] {
            let l = levels(bits, range);
            assert_eq!((l.zero, l.smallest(), l.bounds()), (0, 0, [0.0, f32::from(bits.largest())]));
        }
    }

    #[test]
    fn symmetric_ranges_have_eight_bits_and_a_bound() {
        let quantizer = |bits, bound| ActivationQuantizer { bits, range: ActivationRange::Symmetric(bound) };
        let error = quantizer(BitWidth::Four, 1.0).levels("picture", None).unwrap_err();
        assert_eq!(error, CoreError::new("picture", CoreErrorKind::SymmetricBits { bits: 4 }));
        assert!(quantizer(BitWidth::Four, 1.0).check("picture").is_err());
        for bound in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-44] {
            assert!(quantizer(BitWidth::Eight, bound).levels("picture", None).is_err(), "{bound}");
        }
    }

    #[test]
    fn bad_steps_are_refused() {
        let learned = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        for step in [None, Some(0.0), Some(-1.0), Some(f32::NAN), Some(f32::INFINITY), Some(1e-45)] {
            assert!(learned.levels("act", step).is_err(), "{step:?}");
        }
        assert!(BitWidth::try_from(5).is_err());
    }
}
