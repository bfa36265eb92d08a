//! The innermost loops of a tile: the steps of a run of input elements, in chunks that a narrow sum can take.

use super::kernel::Kernel;

/// `len` steps of `P` inputs with `R` filter blocks, from an element and a weight on, in chunks that a part can take.
/// The slices of each are equally long.
#[inline(always)]
pub(super) fn accumulate<K: Kernel, const P: usize, const R: usize>(
    k: &K,
    acc: &mut [[K::Acc; R]; P],
    (x, first): (&[&[K::Element]; P], usize),
    (w, first_weight): (&[&[K::Weight]; R], usize),
    len: usize,
) {
    let mut start = 0;
    while start < len {
        let steps = (len - start).min(K::CHUNK);
        let part = chunk(k, acc, (x, first + start), (w, first_weight + start), steps);
        for p in 0..P {
            for r in 0..R {
                acc[p][r] = k.fold(acc[p][r], part[p][r]);
            }
        }
        start += steps;
    }
}

/// The inner loop: `len` steps, at most [`Kernel::CHUNK`].
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
pub(super) fn chunk<K: Kernel, const P: usize, const R: usize>(
    k: &K,
    acc: &[[K::Acc; R]; P],
    (x, first): (&[&[K::Element]; P], usize),
    (w, first_weight): (&[&[K::Weight]; R], usize),
    len: usize,
) -> [[K::Part; R]; P] {
    // Slices of `len` elements: what the loops index is known to be there, and nothing is compared in them.
    let (x, w) = (all_from(x, first, len), all_from(w, first_weight, len));
    let mut part = [[k.start(acc[0][0]); R]; P];
    for p in 0..P {
        for r in 0..R {
            part[p][r] = k.start(acc[p][r]);
        }
    }
    let mut e = 0;
    while K::UNROLL > 1 && e + K::UNROLL <= len {
        for e in e..e + K::UNROLL {
            for p in 0..P {
                for r in 0..R {
                    part[p][r] = k.mac(part[p][r], x[p][e], &w[r][e]);
                }
            }
        }
        e += K::UNROLL;
    }
    for e in e..len {
        for p in 0..P {
            for r in 0..R {
                part[p][r] = k.mac(part[p][r], x[p][e], &w[r][e]);
            }
        }
    }
    part
}

/// `len` items of each slice, from an item on.
#[inline(always)]
fn all_from<'a, T, const N: usize>(slices: &[&'a [T]; N], first: usize, len: usize) -> [&'a [T]; N] {
    let mut parts: [&[T]; N] = [&[]; N];
    for (part, slice) in parts.iter_mut().zip(slices) {
        *part = &slice[first..][..len];
    }
    parts
}
