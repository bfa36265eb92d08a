//! A list that needs no allocation while it is short: the sinks of a step, one to three in every known
//! network.

/// What fits in place.
const FEW: usize = 4;

/// A list of mostly at most [`FEW`] elements.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: [Option<T>; FEW],
    more: Vec<T>,
}

impl<T> Few<T> {
    pub(super) const fn new() -> Self {
        Self { first: [const { None }; FEW], more: Vec::new() }
    }

    pub(super) fn push(&mut self, value: T) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(value),
            None => self.more.push(value),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().flatten().chain(&self.more)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().flatten().chain(&mut self.more)
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::iter::Flatten<std::array::IntoIter<Option<T>, FEW>>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().flatten().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_beyond_what_fits() {
        for count in [0, 1, FEW, FEW + 3] {
            let mut few = Few::new();
            (0..count).for_each(|value| few.push(value));
            few.iter_mut().for_each(|value| *value *= 2);
            assert!(few.into_iter().eq((0..count).map(|value| 2 * value)));
        }
    }
}
