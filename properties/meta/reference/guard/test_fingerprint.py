"""Fingerprints: what they tell apart, an independent computation, and the bound of collisions."""

from functools import cache, partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from frostproof.reference.guard.fingerprint import LANES, TILE, fingerprint, keys
from frostproof.reference.pytrees.comparison import same_bits, same_value

DTYPES = [
    "bool", "int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16", "int32", "uint32",
    "int64", "uint64", "float4_e2m1fn", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz",
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "bfloat16", "float16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip
EQUALITIES = {"bits": same_bits, "value": same_value}


@cache
def compiled(equality):
    return jax.jit(partial(fingerprint, equality=equality))


def of(leaf, equality="bits"):
    return tuple(map(int, compiled(equality)(leaf)))


def elements(random, dtype, number):
    """Any bits that a dtype can have, a zero and a subnormal among them."""
    dtype = np.dtype(dtype)
    width = 1 if dtype.kind == "b" else jax.dtypes.itemsize_bits(dtype)
    highest = 2 ** min(width, 8)
    drawn = random.integers(highest, size=number * dtype.itemsize).astype(np.uint8)
    drawn[: 2 * dtype.itemsize] = 0
    drawn[dtype.itemsize] = 1
    return drawn, highest


@pytest.mark.parametrize("name", DTYPES)
def test_two_leaves_are_told_apart_as_the_law_book_does(name):
    """By bits and by value, for every dtype that JAX has: one byte differs, or a sign does."""
    random = np.random.default_rng(7)
    dtype = np.dtype(getattr(jnp, name))
    with jax.enable_x64(True):
        for byte in range(4 * dtype.itemsize):
            before, highest = elements(random, dtype, 4)
            for flip in (1, highest >> 1):
                after = before.copy()
                after[byte] ^= flip
                leaves = [jnp.asarray(raw.view(dtype)) for raw in (before, after)]
                for equality, same in EQUALITIES.items():
                    expected = same(*map(np.asarray, leaves))
                    assert (of(leaves[0], equality) == of(leaves[1], equality)) is expected


def test_nan_is_one_value():
    """Of any payload and sign, beside a number and alone."""
    quiet, other = (
        np.array([bits, 0], np.uint32).view(np.float32) for bits in (0x7FC00000, 0xFF800001)
    )

    assert of(quiet) != of(other)
    assert of(quiet, "value") == of(other, "value") != of(np.zeros(2, np.float32), "value")


def test_where_an_element_stands_matters():
    """A swap, a permutation, a transposition, a flipped sign: each has its own fingerprint."""
    leaf = np.random.default_rng(3).normal(size=(300, 300)).astype(np.float32)
    swapped = leaf.copy()
    swapped[[0, 299]] = swapped[[299, 0]]
    two = leaf.copy()
    two[5, 7], two[200, 7] = -two[5, 7], -two[200, 7]
    nudged = leaf.copy()
    nudged[299, 299] = np.nextafter(nudged[299, 299], np.float32(np.inf))
    others = [
        swapped, two, nudged, -leaf, leaf.T, leaf[::-1], leaf[:, ::-1], np.roll(leaf, 1, axis=1),
        np.random.default_rng(1).permutation(leaf), np.sort(leaf),
    ]  # fmt: skip

    assert len({of(each) for each in [leaf, *others]}) == len(others) + 1


def folded(words, lane, level):
    """The definition, in integers of 64 bits, which hold all products: (tiles, n) to (tiles,)."""
    words = words.astype(np.uint64)
    a, b = keys(level)[lane, :, : words.shape[1]].astype(np.uint64)
    modulus = np.uint64(2**32)
    products = ((words + a) % modulus) * (((words >> np.uint64(16)) + b) % modulus) % modulus
    return products.sum(axis=1) % modulus


def tile_of(shape, packed):
    """The most words, 128 to 512, into which the fewest last axes divide; 512 if none do."""
    for axes in range(1, len(shape) + 1):
        size = np.prod(shape[-axes:])
        if fitting := [words for words in range(128, 513) if size % (words * packed) == 0]:
            return max(fitting)
    return 512


@pytest.mark.parametrize("shape", [(), (7, 9), (3, 5, 100), (700, 768), (513,), (2, 3, 607)])
@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16, np.int8])
def test_numpy_computes_the_same(shape, dtype):
    """Tiles of words are folded until one is left; a tile lies within the last axis if it can."""
    size = int(np.prod(shape))
    leaf = elements(np.random.default_rng(5), dtype, size + 2)[0].view(dtype)[2:].reshape(shape)
    flat = np.frombuffer(leaf.tobytes() + bytes(-leaf.nbytes % 4), np.uint32)
    tile = tile_of(shape, 4 // leaf.dtype.itemsize)

    expected = []
    for lane in range(LANES):
        whole = len(flat) - len(flat) % tile
        parts = [flat[:whole].reshape(-1, tile), flat[whole:].reshape(1, -1)]
        words = np.concatenate([folded(part, lane, 0) for part in parts if part.size])
        level = 1
        while len(words) > 1:
            words = folded(np.pad(words, (0, -len(words) % TILE)).reshape(-1, TILE), lane, level)
            level += 1
        expected.append(int(words[0]))

    assert of(leaf) == tuple(expected)


def test_keys_are_drawn_anew():
    """No two lanes, levels or places share one: what one level loses, the next cannot restore."""
    drawn = np.concatenate([keys(level).reshape(-1) for level in range(5)])

    assert len(np.unique(drawn)) > 0.999 * drawn.size


def test_no_element_is_a_fingerprint_too():
    """Of a leaf without elements, and of typed keys, which are not numbers to NumPy."""
    assert of(np.zeros((0, 3), np.float32)) == (0, 0)
    assert of(jax.random.key(0)) != of(jax.random.key(1))
    assert of(jax.random.key(0)) == of(jax.random.key_data(jax.random.key(0)))


def test_no_tile_collides_more_often_than_the_bound_says():
    """Words of 4 bits, all keys: at most 2⁻³ of them let two tiles collide, and signs reach it."""
    words, half, modulus = np.arange(16), 2, 16
    a, b = np.meshgrid(np.arange(modulus), np.arange(modulus), indexing="ij")
    terms = ((words[:, None, None] + a) * ((words[:, None, None] >> half) + b) % modulus).reshape(
        16, -1
    )
    bound = 1 / 2 ** (half + 1)

    def most(differences):
        """The share of keys of the commonest difference: any may be made up by another word."""
        return np.bincount(differences, minlength=modulus).max() / differences.size

    shares = {
        (one, other): most((terms[one] - terms[other]) % modulus)
        for one, other in combinations(words, 2)
    }
    assert max(shares.values()) == bound
    assert shares[1, 1 + modulus // 2] == bound
    random = np.random.default_rng(2)
    for _ in range(50):  # tiles of two words
        (p, q), (r, s) = random.integers(16, size=(2, 2))
        if (p, q) != (r, s):
            differences = (terms[p] - terms[r])[:, None] + (terms[q] - terms[s])
            assert most((differences % modulus).reshape(-1)) <= bound


def test_flipped_signs_collide_as_often_as_the_bound_says():
    """The worst case in full width, by four million keys: 2⁻¹⁷ of them, 32, give or take five σ."""
    one, other = np.array([1.5, -1.5], np.float32).view(np.uint32)
    a, b = np.random.default_rng(11).integers(2**32, size=(2, 2**22), dtype=np.uint32)

    collisions = np.count_nonzero(
        (one + a) * ((one >> 16) + b) == (other + a) * ((other >> 16) + b)
    )

    assert abs(collisions - 32) < 5 * 32**0.5
