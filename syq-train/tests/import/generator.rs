//! The tensors that `python/generator.py` makes, bit for bit.

use syq_pack::random::SplitMix64;

fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `count` values in [middle − half, middle + half).
pub(crate) fn uniform(seed: u64, name: &str, count: usize, middle: f64, half: f64) -> Vec<f32> {
    let mut random = SplitMix64::new(fnv1a(name) ^ seed);
    let (scale, middle) = ((half / f64::from(1 << 23)) as f32, middle as f32);
    // Two roundings, as in PyTorch: no fused multiply-add.
    (0..count).map(|_| ((random.next_u64() >> 40) as i64 - (1 << 23)) as f32 * scale + middle).collect()
}

/// A tensor of a state dict: what it is follows from its name and shape.
pub(crate) fn tensor(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let (middle, half) = match shape {
        [_, fan_in @ ..] if !fan_in.is_empty() => (0.0, (6.0 / fan_in.iter().product::<usize>() as f64).sqrt()),
        _ if name.ends_with("running_var") => (1.0, 0.5),
        _ if name.ends_with("weight") => (0.5, 0.25),
        _ => (0.0, 0.5),
    };
    uniform(seed, name, count, middle, half)
}

#[test]
fn known_numbers() {
    // What `python3 -c "from generator import *; print(uniform(1, 'x', (3,), 0.5, 2.0).tolist())"` prints.
    assert_eq!(uniform(1, "x", 3, 0.5, 2.0), [0.123_461_72, 2.408_062_5, 1.251_925]);
}
