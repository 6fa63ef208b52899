"""Fingerprints: 64 bits that tell whether a leaf is still what it was, computed where it lies.

A leaf is read as words of 32 bits, in row-major order. Words are *folded*: a tile of up to 512
words w₀ … wₙ becomes one, the sum over i of (wᵢ + aᵢ)·(⌊wᵢ/2¹⁶⌋ + bᵢ) modulo 2³². The words of all
tiles are folded again, until one is left. This is done twice, and each of the two lanes has other
keys a and b for each level. Keys are drawn once and for all, so that every process, device
and run computes the same fingerprint, whatever the sharding of the leaf.

How probable is a *collision*, that another leaf has the same fingerprint? Let two tiles differ.
Multiplied out, the difference of their sums is

    Σ aᵢ·Δ⌊wᵢ/2¹⁶⌋ + bᵢ·Δwᵢ + (what depends on no key).

In a word that differs, its upper half does, by less than 2¹⁶, or only its lower half does, and then
Δwᵢ is less than 2¹⁶: one of the factors of a key is d·2ᵏ with an odd d and k ≤ 15. That key, drawn
uniformly from the integers modulo 2³², makes the product each multiple of 2ᵏ with the same
probability 2ᵏ⁻³², so the sums are equal with a probability of at most 2⁻¹⁷. Each level can lose a
difference in this way, and both lanes have to: at most (levels · 2⁻¹⁷)², which is less than 2⁻²⁹
for any leaf of up to 2³⁸ bytes. It is reached only where all words that differ do so in nothing but
their signs; for a change of the lowest bits it is (levels · 2⁻³²)².

The bound holds for every change that was made without regard to the keys: training does not know
them. It does not protect against somebody who does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial, reduce
from itertools import chain
from math import prod
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import numpy.typing as npt
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec, auto_axes

#: What a fingerprint tells apart: any two bits, or only what differs as a value (NaN equals NaN, -0
#: equals +0, subnormals are 0).
Equality: TypeAlias = Literal["bits", "value"]

LANES = 2
#: Words to a tile. The keys of one, 8 KB, stay in the nearest cache: with 4,096 words the keys were
#: read more slowly than the leaf, and a check took three times as long.
TILE = 512
#: A last axis that does not divide into tiles of at least so many words is taken together with the
#: axis before it, since sums of few words are slow. Only if it is sharded itself, and shorter than
#: this, does a leaf leave its devices for that: else nothing but folded words do.
_SHORT = 128


def fingerprint(leaf: jax.Array, equality: Equality) -> jax.Array:
    """Return the fingerprint of a leaf, of shape (2,) and dtype uint32.

    Args:
        leaf: an array of any shape, of any dtype that JAX has, typed PRNG keys included; sharded
            in any way; concrete or traced.
        equality: "bits", or "value", for which leaves of the same values have the same fingerprint.
    """
    out = _everywhere(leaf)
    if out is None:
        return _fingerprint(leaf, equality)
    # Inside, the compiler decides how what is left of the leaf is laid out, which in a mesh of
    # explicit axes would have to be said of each reshape.
    return auto_axes(partial(_fingerprint, equality=equality), out_sharding=out)(leaf)


def _everywhere(leaf: jax.Array) -> NamedSharding | None:
    sharding = jax.typeof(leaf).sharding
    if AxisType.Explicit not in sharding.mesh.axis_types:
        return None
    return NamedSharding(sharding.mesh, PartitionSpec())


def _fingerprint(leaf: jax.Array, equality: Equality) -> jax.Array:
    if not leaf.size:
        return jnp.zeros(LANES, jnp.uint32)
    cut = zip(*map(_tiles, _parts(leaf, equality)), strict=True)
    folded = [_fold([[tiles] * LANES for tiles in parts], level=0) for parts in cut]
    lanes = [jnp.concatenate(words) for words in zip(*chain(*folded), strict=True)]
    level = 1
    while lanes[0].size > 1:
        (lanes,) = _fold([[_padded(words, TILE).reshape(-1, TILE) for words in lanes]], level)
        level += 1
    return jnp.concatenate(lanes)


def _fold(parts: Sequence[Sequence[jax.Array]], level: int) -> list[list[jax.Array]]:
    """Fold the last axis, a tile, of each lane of each part; the rest becomes (tiles,)."""
    terms = []
    for lanes in parts:
        for words, (a, b) in zip(lanes, keys(level), strict=True):
            length = words.shape[-1]
            terms.append((words + a[:length]) * ((words >> 16) + b[:length]))
    zeros = [np.uint32(0)] * len(terms)
    # All sums by one reduction: so the leaf is read once, and XLA does not turn the sum of a long
    # axis into nested windows, which on a CPU takes 18 times as long.
    sums = lax.reduce(terms, zeros, _add, [terms[0].ndim - 1])
    return [
        [words.reshape(-1) for words in sums[n : n + LANES]] for n in range(0, len(sums), LANES)
    ]


def _add(some: Sequence[jax.Array], others: Sequence[jax.Array]) -> list[jax.Array]:
    return [a + b for a, b in zip(some, others, strict=True)]


@cache
def keys(level: int) -> npt.NDArray[np.uint32]:
    """Return the keys of one level, (lanes, 2, TILE): a and b of each word of a tile."""
    # The raw words of a bit generator are the one stream that NumPy promises never to change.
    raw = np.random.Philox(key=level).random_raw(LANES * TILE)
    return raw.view(np.uint32).reshape(LANES, 2, TILE)


def _tiles(part: jax.Array) -> list[jax.Array]:
    """Return a part as words in tiles, (…, at most TILE): narrow elements share a word.

    What is left of the part behind its last tile is a shorter tile.
    """
    packed = 4 // part.dtype.itemsize
    axes, words = _cut(part.shape, packed)
    length = words * packed
    leading = part.shape[: part.ndim - axes]
    rows = part.reshape(*leading, -1)
    whole = rows.shape[-1] - rows.shape[-1] % length
    rest = _padded(rows[..., whole:], packed)
    tiles = rows[..., :whole].reshape(*leading, -1, length), rest
    return [_words(elements, packed) for elements in tiles if elements.size]


def _words(elements: jax.Array, packed: int) -> jax.Array:
    """Return words of so many neighbours each, the first of them lowest, as in memory."""
    neighbours = elements.reshape(*elements.shape[:-1], -1, packed).astype(jnp.uint32)
    # Put together by hand: a bitcast of bytes into words takes XLA twice as long on a CPU, and
    # words of elements that lie far apart take it as long as that.
    shifted = (neighbours[..., n] << (n * 32 // packed) for n in range(packed))
    return reduce(lax.bitwise_or, shifted)


def _cut(shape: tuple[int, ...], packed: int) -> tuple[int, int]:
    """Return how many of the last axes are cut into tiles, and how many words make a tile."""
    for axes in range(1, len(shape) + 1):
        size = prod(shape[-axes:])
        for words in range(TILE, _SHORT - 1, -1):
            if size % (words * packed) == 0:
                return axes, words
    return len(shape), TILE


def _padded(rows: jax.Array, length: int) -> jax.Array:
    """Return rows with zeros at the end of each, up to a multiple of the length.

    Zeros collide with nothing, since only leaves of one shape are compared.
    """
    missing = -rows.shape[-1] % length
    if not missing:
        return rows
    return jnp.pad(rows, [*[(0, 0)] * (rows.ndim - 1), (0, missing)])


def _parts(leaf: jax.Array, equality: Equality) -> list[jax.Array]:
    """Return arrays of unsigned integers of 8, 16 or 32 bits that together hold the leaf's bits."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if leaf.dtype == jnp.bool:
        return [leaf.astype(jnp.uint8)]
    if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
        real, imaginary = lax.real(leaf), lax.imag(leaf)
        return [*_integers(real, equality), *_integers(imaginary, equality)]
    return _integers(leaf, equality)


def _integers(real: jax.Array, equality: Equality) -> list[jax.Array]:
    bits = jax.dtypes.itemsize_bits(real.dtype)
    if bits == 64:
        # The two halves of a double are words as they are: there are wider integers only with x64.
        halves = lax.bitcast_convert_type(real, jnp.uint32)
        words = [halves[..., 0], halves[..., 1]]
    else:
        words = [lax.bitcast_convert_type(real, f"uint{bits}").astype(f"uint{max(8, bits)}")]
    if equality == "value" and jnp.issubdtype(real.dtype, jnp.floating):
        return _canonical(real, words)
    return words


def _canonical(real: jax.Array, words: Sequence[jax.Array]) -> list[jax.Array]:
    """Return the words with one kind of NaN, and 0 for what is subnormal or -0."""
    number = real if len(words) == 2 else real.astype(jnp.float32)
    normal = jnp.abs(number) >= number.dtype.type(ml_dtypes.finfo(real.dtype).smallest_normal)
    nan = np.full(1, np.nan, real.dtype).view(words[0].dtype)
    return [
        jnp.where(normal, word, jnp.where(jnp.isnan(number), pattern, pattern.dtype.type(0)))
        for word, pattern in zip(words, nan, strict=True)
    ]
