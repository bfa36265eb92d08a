//! Activation quantizers: k bits, unsigned, one step a tensor, forward and straight-through backward.
//!
//! A code is `u = clamp(floor(x / s + 1/2), 0, 2^k − 1)` and stands for the value `u · s`
//! (SYQ, CVPR 2018: ReLU, clip, round half up). The division is one fused multiply-add with the
//! reciprocal, `floor(fma(x, 1/s, 1/2))`, in every executor: that is part of the numeric contract.

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
}

/// An activation quantizer as a network describes it; a learned step is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationQuantizer {
    /// Bits of a code.
    pub bits: BitWidth,
    /// How the step is chosen.
    pub range: ActivationRange,
}

impl ActivationQuantizer {
    /// The levels of the quantizer; `learned` is used by [`ActivationRange::Learned`] alone.
    ///
    /// # Errors
    /// A step that is not positive and finite, or whose reciprocal is not; names `layer`.
    pub fn levels(&self, layer: &str, learned: Option<f32>) -> Result<Levels, CoreError> {
        let largest = self.bits.largest();
        let [step, inverse_step] = match self.range {
            ActivationRange::Unit => [1.0 / f32::from(largest), f32::from(largest)],
            ActivationRange::FixedPoint(fraction) => [2f32.powi(-i32::from(fraction)), 2f32.powi(i32::from(fraction))],
            ActivationRange::Learned => {
                let step = learned.unwrap_or(f32::NAN);
                [step, 1.0 / step]
            }
        };
        if !(step > 0.0 && step.is_normal() && inverse_step.is_normal()) {
            return Err(CoreError::new(layer, CoreErrorKind::Step { step }));
        }
        Ok(Levels { step, inverse_step, largest })
    }
}

/// The levels 0, s, 2s … (2^k − 1)·s of one quantized tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The step s.
    pub step: f32,
    /// What x is multiplied by: 1/s, exactly 2^k − 1 for the paper's clip.
    pub inverse_step: f32,
    /// The largest code, 2^k − 1.
    pub largest: u8,
}

impl Levels {
    /// The code of `x`, rounded half up. NaN gives code 0.
    #[inline(always)]
    pub fn code(&self, x: f32) -> u8 {
        // `clamp` keeps NaN and `as` maps it to 0.
        x.mul_add(self.inverse_step, 0.5).floor().clamp(0.0, f32::from(self.largest)) as u8
    }

    /// The value that `code` stands for.
    #[inline(always)]
    pub fn value(&self, code: u8) -> f32 {
        f32::from(code) * self.step
    }

    /// The straight-through gradient: ∂L/∂x given `g` = ∂L/∂(u·s): `g` inside [0, (2^k − 1)·s], zero outside.
    #[inline(always)]
    pub fn input_gradient(&self, x: f32, g: f32) -> f32 {
        let t = x * self.inverse_step;
        if t >= 0.0 && t <= f32::from(self.largest) { g } else { 0.0 }
    }

    /// ∂(u·s)/∂s (LSQ, eq. 3): u − x/s inside the range, 2^k − 1 above it, 0 below.
    #[inline(always)]
    pub fn step_gradient(&self, x: f32) -> f32 {
        let t = x * self.inverse_step;
        let largest = f32::from(self.largest);
        if t < 0.0 {
            0.0
        } else if t > largest {
            largest
        } else {
            f32::from(self.code(x)) - t
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
    fn bad_steps_are_refused() {
        let learned = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        for step in [None, Some(0.0), Some(-1.0), Some(f32::NAN), Some(f32::INFINITY), Some(1e-45)] {
            assert!(learned.levels("act", step).is_err(), "{step:?}");
        }
        assert!(BitWidth::try_from(5).is_err());
    }
}
