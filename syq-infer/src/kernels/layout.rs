//! How a convolution's input lies in memory: a zero-padded image of 4-byte elements.
//!
//! `[row][column][group][plane][element]`, padding rows and columns included, so that the kernels'
//! inner loops need no bounds of the image. An element is one f32 channel, four u8 channels, or 32
//! channels of one bit plane, or two 16-bit channels, or a quarter of the table of four channels; each group
//! starts at an element of its own. What fills up the last element of a group is zero, and so is the padding (code 0 is the
//! value 0), except that every byte of the padding of signed codes is their zero point.

use std::fmt;
use std::ops::Range;
use syq_core::{BitWidth, Codebook, ConvGeometry, Padding, Shape, ShapeError};

/// Sixteen filters side by side: one 512-bit vector, or its parts on narrower machines.
pub const BLOCK: usize = 16;

/// One value for each filter of a block, on its own cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lanes<T>(pub [T; BLOCK]);

/// For four channels, which of their codes each of 32 filters adds: bit c for channel c. Filter f has the
/// byte [`selector_byte`]\(f\).
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Selectors(pub(crate) [u8; 2 * BLOCK]);

/// The byte of filter `filter` of 32 among its [`Selectors`]: the order in which bytes that are widened
/// twice, in the halves of a 256-bit register, end in eight consecutive filters a register.
pub(crate) const fn selector_byte(filter: usize) -> usize {
    filter / 8 * 4 + filter % 4 + filter % 8 / 4 * BLOCK
}

/// What a high half of a code counts in low ones.
pub(crate) const HALF_WEIGHT: u32 = 16;

/// What an element of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputFormat {
    /// Bit planes of codes, the lowest bit first: plane b of channel c is bit c % 32 of word c / 32.
    Planes(BitWidth),
    /// For every four channels the sixteen sums of a subset of their codes, a byte each: entry e adds the
    /// channels whose bit is set in e. Codes of more than four bits are two planes, of their low and of
    /// their high halves. Behind the planes of each group lie the sums of all its codes, one element a
    /// plane, and two more that are zero.
    Tables(BitWidth),
    /// For every sixteen channels the tables of four times four, 64 bytes: one register. For ternary weights
    /// they are those of [`InputFormat::Tables`]; for binary ones entry e adds the channels whose bit is set in e
    /// and subtracts the others, as a signed byte. What fills up a plane is zero.
    WideTables(BitWidth, Codebook),
    /// Codes as bytes, four channels an element, in memory order.
    Codes,
    /// Codes less their zero point as 16-bit integers, two channels an element, in memory order.
    Wide,
    /// f32 values, one channel an element.
    Float,
}

impl InputFormat {
    /// Channels that share an element.
    pub const fn channels(self) -> usize {
        match self {
            Self::Planes(_) => 32,
            Self::Codes => 4,
            Self::Wide => 2,
            Self::Float | Self::Tables(_) | Self::WideTables(..) => 1,
        }
    }

    /// Elements that stay together.
    const fn together(self) -> usize {
        match self {
            Self::Tables(_) => 4,
            Self::WideTables(..) => BLOCK,
            Self::Planes(_) | Self::Codes | Self::Wide | Self::Float => 1,
        }
    }

    /// Planes of bits or of half codes, 1 for the formats without.
    pub const fn planes(self) -> usize {
        match self {
            Self::Planes(bits) => bits.bits() as usize,
            Self::Tables(bits) | Self::WideTables(bits, _) => bits.bits().div_ceil(4) as usize,
            Self::Codes | Self::Wide | Self::Float => 1,
        }
    }

    /// Elements behind the planes of each group: the sums of the codes, and what fills up a table's place.
    const fn sums(self) -> usize {
        match self {
            Self::Tables(_) => 4,
            Self::Planes(_) | Self::WideTables(..) | Self::Codes | Self::Wide | Self::Float => 0,
        }
    }

    /// The name, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planes(_) => "planes",
            Self::Tables(_) => "tables",
            Self::WideTables(..) => "wide tables",
            Self::Codes => "codes",
            Self::Wide => "wide codes",
            Self::Float => "float",
        }
    }
}

/// The layout of one image in a convolution's input buffer. Lengths are in 4-byte elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputLayout {
    format: InputFormat,
    shape: Shape,
    padding: Padding,
    groups: usize,
    zero: u8,
    /// Elements of one plane of one group of one pixel: asked for often, and a division.
    plane_len: usize,
}

impl fmt::Display for InputLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = &self.padding;
        write!(f, "{} of {} in {} groups", self.format.name(), self.shape, self.groups)?;
        if let InputFormat::Planes(bits) | InputFormat::Tables(bits) | InputFormat::WideTables(bits, _) = self.format {
            write!(f, " and {} bits", bits.bits())?;
        }
        if self.zero != 0 {
            write!(f, " around {}", self.zero)?;
        }
        write!(f, " with padding {}+{} by {}+{}", p.top, p.bottom, p.left, p.right)
    }
}

impl InputLayout {
    /// The layout of an image of `shape` with these rows and columns of zeros around it.
    ///
    /// # Errors
    /// A buffer longer than the address space, or groups that do not divide the channels.
    pub fn new(format: InputFormat, shape: Shape, padding: Padding, groups: usize) -> Result<Self, ShapeError> {
        if groups == 0 || !shape.channels.is_multiple_of(groups) {
            return Err(ShapeError::Groups { channels: shape.channels, filters: groups, groups });
        }
        let plane_len =
            product([(shape.channels / groups).div_ceil(format.channels() * format.together()), format.together()])?;
        let height = sum([padding.top, shape.height, padding.bottom])?;
        let width = sum([padding.left, shape.width, padding.right])?;
        let layout = Self { format, shape, padding, groups, zero: 0, plane_len };
        let group_len = sum([product([format.planes(), plane_len])?, format.sums()])?;
        let len = product([height, width, groups, group_len])?;
        // Indices are computed in elements and buffers are allocated in bytes: both must fit.
        product([len, 8])?;
        Ok(layout)
    }

    /// The layout with exactly the padding that `geometry` needs.
    ///
    /// # Errors
    /// As [`InputLayout::new`].
    pub fn of(geometry: &ConvGeometry, format: InputFormat) -> Result<Self, ShapeError> {
        Self::new(format, geometry.input, geometry.window.padding, geometry.groups)
    }

    /// The same layout of codes whose zero point is `zero`: the padding consists of such bytes.
    #[must_use]
    pub const fn with_zero(mut self, zero: u8) -> Self {
        self.zero = zero;
        self
    }

    /// The same image with padding enough for `other` too, so that two layers can read one buffer.
    ///
    /// # Errors
    /// As [`InputLayout::new`].
    pub fn covering(&self, other: Padding) -> Result<Self, ShapeError> {
        let p = self.padding;
        let padding = Padding {
            top: p.top.max(other.top),
            bottom: p.bottom.max(other.bottom),
            left: p.left.max(other.left),
            right: p.right.max(other.right),
        };
        Ok(Self::new(self.format, self.shape, padding, self.groups)?.with_zero(self.zero))
    }

    /// What an element is.
    pub const fn format(&self) -> InputFormat {
        self.format
    }

    /// The image without its padding.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The rows and columns of zeros.
    pub const fn padding(&self) -> Padding {
        self.padding
    }

    /// The code of the value 0.
    pub const fn zero(&self) -> u8 {
        self.zero
    }

    /// Groups that the channels are split into.
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// Channels of one group.
    pub const fn group_channels(&self) -> usize {
        self.shape.channels / self.groups
    }

    /// Elements of one plane of one group of one pixel.
    pub const fn plane_len(&self) -> usize {
        self.plane_len
    }

    /// Elements of one group of one pixel.
    pub const fn group_len(&self) -> usize {
        self.format.planes() * self.plane_len() + self.format.sums()
    }

    /// Elements of one pixel.
    pub const fn pixel_len(&self) -> usize {
        self.groups * self.group_len()
    }

    /// Elements of one row, padding columns included.
    pub const fn row_len(&self) -> usize {
        (self.padding.left + self.shape.width + self.padding.right) * self.pixel_len()
    }

    /// Rows, padding rows included.
    pub const fn padded_height(&self) -> usize {
        self.padding.top + self.shape.height + self.padding.bottom
    }

    /// Elements of the image, padding included.
    pub const fn len(&self) -> usize {
        self.padded_height() * self.row_len()
    }

    /// Whether the buffer has no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of image row `y`, without its padding columns.
    pub const fn row(&self, y: usize) -> Range<usize> {
        let start = (self.padding.top + y) * self.row_len() + self.padding.left * self.pixel_len();
        start..start + self.shape.width * self.pixel_len()
    }

    /// Writes the value 0 to the padding of a buffer and leaves the image as it is. A buffer of another
    /// length is left alone as far as it does not reach.
    pub fn clear_padding<T: bytemuck::AnyBitPattern>(&self, buffer: &mut [T]) {
        let byte = if self.format == InputFormat::Wide { 0 } else { self.zero };
        // An element has four bytes.
        let filling = bytemuck::try_pod_read_unaligned(&[byte; 4]).unwrap_or(T::zeroed());
        let mut start = 0;
        for y in 0..self.shape.height {
            let row = self.row(y);
            if let Some(gap) = buffer.get_mut(start..row.start) {
                gap.fill(filling);
            }
            start = row.end;
        }
        if let Some(rest) = buffer.get_mut(start..) {
            rest.fill(filling);
        }
    }
}

/// A product that must not overflow.
pub(crate) fn product<const N: usize>(factors: [usize; N]) -> Result<usize, ShapeError> {
    let size = factors.iter().copied().max().unwrap_or(0);
    factors.iter().try_fold(1usize, |p, &f| p.checked_mul(f)).ok_or(ShapeError::TooLarge { size })
}

fn sum<const N: usize>(terms: [usize; N]) -> Result<usize, ShapeError> {
    let size = terms.iter().copied().max().unwrap_or(0);
    terms.iter().try_fold(0usize, |s, &t| s.checked_add(t)).ok_or(ShapeError::TooLarge { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_start_at_elements_of_their_own() {
        let padding = Padding { top: 1, bottom: 2, left: 0, right: 1 };
        let layout = InputLayout::new(InputFormat::Planes(BitWidth::Two), Shape::new(3, 4, 66), padding, 2).unwrap();
        assert_eq!((layout.plane_len(), layout.group_len(), layout.pixel_len()), (2, 4, 8));
        assert_eq!((layout.row_len(), layout.len(), layout.row(1)), (40, 240, 80..112));
    }

    #[test]
    fn clearing_spares_the_image() {
        let padding = Padding { top: 1, bottom: 2, left: 2, right: 1 };
        let layout = InputLayout::new(InputFormat::Float, Shape::new(2, 2, 1), padding, 1).unwrap();
        let mut buffer = vec![1f32; layout.len()];
        layout.clear_padding(&mut buffer);
        let kept: Vec<usize> = (0..buffer.len()).filter(|&i| buffer[i] == 1.0).collect();
        assert_eq!(kept, [7, 8, 12, 13]);
    }

    #[test]
    fn the_padding_of_signed_codes_is_their_zero_point() {
        let padding = Padding { top: 1, bottom: 0, left: 0, right: 1 };
        let plain = InputLayout::new(InputFormat::Codes, Shape::new(1, 2, 3), padding, 1).unwrap();
        let layout = plain.with_zero(128);
        assert!(layout != plain && layout.covering(Padding::uniform(2)).unwrap().zero() == 128);
        let mut buffer = [7u32; 6];
        layout.clear_padding(&mut buffer);
        assert_eq!(buffer, [0x8080_8080, 0x8080_8080, 0x8080_8080, 7, 7, 0x8080_8080]);
    }

    #[test]
    fn huge_buffers_are_refused() {
        let huge = Shape::new(usize::MAX / 2, 3, 1);
        assert!(InputLayout::new(InputFormat::Float, huge, Padding::NONE, 1).is_err());
    }
}
