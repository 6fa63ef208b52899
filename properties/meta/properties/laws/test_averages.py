"""What a correct average may be off by: all ways to write one stay within, a wrong one does not."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from frostproof.properties.laws.requirements.averages import Average, allowed, difference

LEAF = np.random.default_rng(0).standard_normal(500).astype(np.float32) * np.float32(1e3)
WAYS = {
    "weights": lambda a, p, d: d * a + (1 - d) * p,
    "weights in the dtype": lambda a, p, d: (1 - jnp.float32(1 - d)) * a + jnp.float32(1 - d) * p,
    "difference": lambda a, p, d: a + (1 - d) * (p - a),
}


def averaged(way, decay, updates, leaf=LEAF):
    """Average a leaf that stays, as compiled code does."""
    step = jax.jit(lambda a: way(a, jnp.asarray(leaf), decay).astype(leaf.dtype))
    copy = jnp.asarray(leaf)
    for _ in range(updates):
        copy = step(copy)
    return np.asarray(copy)


@pytest.mark.parametrize("decay", [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_correct_average_stays_within(way, decay):
    """After one update and after many."""
    for updates in (1, 5, 200):
        off = np.abs(averaged(way, decay, updates).astype(float) - LEAF.astype(float))
        assert (off <= allowed(LEAF, LEAF, updates)).all()


def test_a_wrong_one_does_not():
    """Weights whose sum is off by a hundred-thousandth are seen in the first update."""
    wrong = averaged(lambda a, p, d: d * a + (1.00001 - d) * p, 0.9, 1)

    assert (np.abs(wrong - LEAF) > allowed(wrong, LEAF, 1)).any()
    assert "it is 1.00001 times the leaf after 1 update" in difference(wrong, LEAF, 1)


def test_rounding_is_told_from_a_fault():
    """In 16 bits nothing is allowed, and the message says that it only rounds."""
    half = LEAF.astype(ml_dtypes.bfloat16)
    drifted = averaged(WAYS["weights"], 0.99, 20, half)

    assert not allowed(half, half, 20).any()
    said = difference(drifted, half, 20)
    assert "drifts by rounding" in said
    assert "ulps of bfloat16 after 20 updates" in said


def followed(way, rate, updates, dtype=np.float32):
    """Average a leaf that trains, in compiled code; return the copy, and where it has to be."""
    step = jax.jit(lambda a, p: way(a, p, 1 - rate).astype(dtype))
    draw = np.random.default_rng(1).standard_normal
    copy = LEAF.astype(dtype)
    expected = Average.starting(copy)
    for _ in range(updates):
        leaf = draw(LEAF.shape).astype(np.float32)
        copy, expected = np.asarray(step(copy, leaf)), expected.moved(leaf, rate)
    return copy, expected


@pytest.mark.parametrize("rate", [1.0, 0.9, 0.5, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_correct_average_of_what_trains_stays_within(way, rate):
    """After one step and after many."""
    for updates in (1, 5, 64):
        copy, expected = followed(way, rate, updates)
        assert expected.first_off(copy) is None


def debiased(decay, updates, late=0):
    """Average a leaf that trains from zeros, and divide by what is missing; return the result, and
    where it has to be.
    """

    @jax.jit
    def step(raw, leaf, number):
        raw = decay * raw + (1 - decay) * leaf
        return raw, raw / (1 - decay ** (number + late))

    draw = np.random.default_rng(1).standard_normal
    raw = np.zeros_like(LEAF)
    expected = Average.starting(raw)
    for number in range(1, updates + 1):
        leaf = draw(LEAF.shape).astype(np.float32)
        raw, copy = step(raw, leaf, number)
        rate = (1 - decay) / (1 - decay**number)
        expected = expected.moved(leaf, rate, settles_at=1 - decay)
    return np.asarray(copy), expected


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.999, 0.9999])
def test_an_average_that_is_debiased_stays_within(decay):
    """By a difference of numbers that are nearly 1."""
    for updates in (1, 2, 5, 64):
        copy, expected = debiased(decay, updates)
        assert expected.first_off(copy) is None
        copy, expected = debiased(decay, updates, late=1)
        assert expected.first_off(copy) is not None


def test_an_average_at_another_rate_does_not():
    """One that is off by a ten-thousandth is seen."""
    copy, _ = followed(WAYS["weights"], 0.0101, 5)
    _, expected = followed(WAYS["weights"], 0.01, 5)

    assert expected.first_off(copy) is not None


def test_an_average_in_16_bits_is_seen_to_stick():
    """It may round once, and not in each step."""
    _, wide = followed(WAYS["difference"], 0.001, 64)
    stuck, expected = followed(WAYS["difference"], 0.001, 64, ml_dtypes.bfloat16)

    assert expected.first_off(wide.value.astype(ml_dtypes.bfloat16)) is None
    assert expected.first_off(stuck) is not None


def test_a_copy_is_exact():
    """At a rate of 0 it stays where it was."""
    expected = Average.starting(LEAF).copied(LEAF + 1).moved(LEAF + 2, 0.0)

    assert expected.first_off(LEAF + 1) is None
    assert expected.first_off(np.nextafter(LEAF + 1, np.float32(np.inf))) is not None


def test_nothing_is_left_of_an_infinity():
    """Where an average goes all the way, it is a number again."""
    infinite = Average.starting(np.full(LEAF.shape, np.inf, np.float32))
    expected = infinite.moved(LEAF, 1.0).moved(LEAF, 1.0)

    assert expected.first_off(LEAF) is None
    assert expected.first_off(LEAF + 1) is not None
