"""Weights that PyTorch and the Rust tests make from a name and a seed, so that no weights are committed.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), seeded with FNV-1a of the tensor's name xor the seed; of each number the
upper 24 bits k, and (k - 2^23) * (half / 2^23) in f32, plus the middle, in f32. syq-train/tests/import/generator.rs
is the other side.
"""
import numpy as np

MASK = (1 << 64) - 1


def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def splitmix64(seed, count):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(seed, name, shape, middle, half):
    """f32 values in [middle - half, middle + half)."""
    count = int(np.prod(shape))
    k = (splitmix64(fnv1a(name) ^ seed, count) >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return (k.astype(np.float32) * np.float32(half / (1 << 23)) + np.float32(middle)).reshape(shape)


def tensor(seed, name, shape):
    """A tensor of a state dict: what it is follows from its name and shape."""
    if len(shape) > 1:  # weights: He et al. (2015), uniform
        return uniform(seed, name, shape, 0.0, (6.0 / float(np.prod(shape[1:]))) ** 0.5)
    if name.endswith("running_var"):
        return uniform(seed, name, shape, 1.0, 0.5)
    if name.endswith("weight"):  # batch norm's
        return uniform(seed, name, shape, 0.5, 0.25)
    return uniform(seed, name, shape, 0.0, 0.5)
