//! What the tiles of a pair of filter blocks have in common.

/// Filter blocks, and where they read and write.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The first block.
    pub(super) block: usize,
    /// Where its group begins within a pixel's inputs.
    pub(super) group: usize,
    /// Where its filters begin within a pixel's outputs, if all blocks are whole.
    pub(super) place: Option<usize>,
}
