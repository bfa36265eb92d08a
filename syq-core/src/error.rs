//! What can be wrong with a shape, a tensor or a quantizer's setting.

use thiserror::Error;

/// A window, group count or tensor shape that does not fit.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// A kernel or a stride of zero.
    #[error("kernel {kernel} with stride {stride}: neither may be zero")]
    ZeroWindow {
        /// Kernel extent.
        kernel: usize,
        /// Stride.
        stride: usize,
    },
    /// A window that could lie in the padding entirely.
    #[error("padding {padding} is not smaller than the kernel {kernel}")]
    PaddingTooLarge {
        /// The larger of the two sides.
        padding: usize,
        /// Kernel extent.
        kernel: usize,
    },
    /// Fewer pixels, padding included, than the kernel has.
    #[error("an input of {padded} pixels with its padding is smaller than the kernel {kernel}")]
    InputTooSmall {
        /// Pixels with the padding.
        padded: usize,
        /// Kernel extent.
        kernel: usize,
    },
    /// A size that overflows.
    #[error("a size of {size} is too large")]
    TooLarge {
        /// The size.
        size: usize,
    },
    /// Groups that do not divide the channels and the filters.
    #[error("{groups} groups do not divide {channels} channels and {filters} filters")]
    Groups {
        /// Input channels.
        channels: usize,
        /// Filters.
        filters: usize,
        /// Groups.
        groups: usize,
    },
}

/// Why a layer cannot be quantized or computed; the layer is named in front.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("layer {layer:?}: {kind}")]
pub struct CoreError {
    /// Name of the layer.
    pub layer: String,
    /// What is wrong with it.
    pub kind: CoreErrorKind,
}

impl CoreError {
    /// An error of the named layer.
    pub fn new(layer: &str, kind: impl Into<CoreErrorKind>) -> Self {
        Self { layer: layer.to_owned(), kind: kind.into() }
    }
}

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CoreErrorKind {
    /// A shape that does not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// No weights at all.
    #[error("the weights are empty")]
    Empty,
    /// A slice of another length than the shape says.
    #[error("{what} has {found} elements, its shape has {expected}")]
    Length {
        /// Which tensor.
        what: &'static str,
        /// Elements found.
        found: usize,
        /// Elements that the shape asks for.
        expected: usize,
    },
    /// NaN or infinity.
    #[error("{what} {index} is {value}, not a finite number")]
    NotFinite {
        /// Which tensor.
        what: &'static str,
        /// Index of the first such element.
        index: usize,
        /// The element.
        value: f32,
    },
    /// A threshold fraction outside [0, 1).
    #[error("the threshold η is {eta}, outside [0, 1)")]
    Threshold {
        /// The fraction of max |W|.
        eta: f32,
    },
    /// A threshold for binary weights, which have none.
    #[error("the threshold η is {eta}, but binary weights have none (η = 0)")]
    BinaryThreshold {
        /// The fraction of max |W|.
        eta: f32,
    },
    /// A weight code that the codebook does not have.
    #[error("weight {index} has code {code}, which the {codebook} codebook does not have")]
    Code {
        /// Index of the weight.
        index: usize,
        /// The code.
        code: i8,
        /// Name of the codebook.
        codebook: &'static str,
    },
    /// An activation code above the quantizer's largest.
    #[error("activation {index} has code {code}, above the largest, {largest}")]
    ActivationCode {
        /// Index of the activation.
        index: usize,
        /// The code.
        code: u8,
        /// The largest code, 2^k − 1.
        largest: u8,
    },
    /// A bit width that is not offered.
    #[error("{bits} activation bits: only 1, 2, 3, 4 and 8 are offered")]
    Bits {
        /// The bit width asked for.
        bits: u32,
    },
    /// Signed codes of another width than the 8 bits that they have.
    #[error("a symmetric range of {bits} bits: signed activation codes have 8")]
    SymmetricBits {
        /// The bit width asked for.
        bits: u32,
    },
    /// An activation code below the quantizer's smallest.
    #[error("activation {index} has code {code}, below the smallest, {smallest}")]
    ActivationBelow {
        /// Index of the activation.
        index: usize,
        /// The code.
        code: u8,
        /// The smallest code: 1 of signed codes.
        smallest: u8,
    },
    /// A weight code of −128, which the symmetric 8-bit codes do not have.
    #[error("weight {index} has code {code}: 8-bit weights lie in [-127, 127]")]
    EightBitCode {
        /// Index of the weight.
        index: usize,
        /// The code.
        code: i8,
    },
    /// Codes with a zero point other than 0 where no executor takes it into account.
    #[error("its input has the zero point {zero}, codebook weights take codes with zero point 0")]
    ZeroPoint {
        /// The zero point.
        zero: u8,
    },
    /// A filter whose integer sum an i32 might not hold.
    #[error("a filter of {weights} 8-bit weights can exceed 2^31, beyond its 32-bit sum")]
    Overflow {
        /// Weights of one filter.
        weights: usize,
    },
    /// A step that is not a positive finite number.
    #[error("the activation step is {step}, not a positive finite number")]
    Step {
        /// The step.
        step: f32,
    },
    /// An integer sum that f32 could not hold exactly (design: |Σ q·u| < 2^24).
    #[error("a subgroup of {weights} weights with activation codes up to {largest} can exceed 2^24, beyond exact f32")]
    Inexact {
        /// Weights of one subgroup that meet in one sum.
        weights: usize,
        /// Largest activation code.
        largest: u8,
    },
}
