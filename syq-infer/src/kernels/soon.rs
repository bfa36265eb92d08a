//! Feature maps that are read or written as soon as outputs are finished, named while those are computed.
//!
//! The maps of a network's wide layers lie in the third-level cache. Computing needs no memory to speak of, finishing little
//! else; so each tile asks for the lines that its outputs will meet there.

/// Floats of the shape of a call's outputs. A hint: nothing is read through it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Soon([Option<*const f32>; 2]);

impl Soon {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self([None; 2]);

    /// Adds a map whose value for the first output is `first`.
    pub(crate) fn push(&mut self, first: *const f32) {
        if let Some(free) = self.0.iter_mut().find(|map| map.is_none()) {
            *free = Some(first);
        }
    }

    /// The maps' values for output `index`.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "AVX-512 alone asks for them"))]
    pub(super) fn at(&self, index: usize) -> impl Iterator<Item = *const f32> {
        self.0.into_iter().flatten().map(move |map| map.wrapping_add(index))
    }
}

#[cfg(test)]
mod tests {
    use super::Soon;

    #[test]
    fn two_maps_are_named_and_more_are_left_out() {
        let maps = [[0f32; 8]; 3];
        let mut soon = Soon::NOTHING;
        assert_eq!(soon.at(5).count(), 0);
        maps.iter().for_each(|map| soon.push(map.as_ptr()));
        assert!(soon.at(5).eq([&raw const maps[0][5], &raw const maps[1][5]]));
    }
}
