"""What the prover says of random programs is true of what they compute, eagerly and compiled."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax import lax

from frostproof.properties.meta.proofs.random_programs.draft import SIZE, Drawn, Input
from frostproof.properties.meta.proofs.random_programs.program import (
    MORE_FAMILIES,
    draw_program,
)
from frostproof.properties.meta.proofs.soundness import program
from frostproof.properties.meta.proofs.unsound import unsound_claims
from frostproof.properties.proofs.interpretation.domain import (
    Level,
    Source,
    Value,
    range_of,
    ranged,
    unknown,
)

#: Numbers of programs of which something untrue was once claimed, and how that came about.
_ONCE_WRONG = {
    925: "bfloat16 is chosen by way of float32",
    14182: "an eager scan joins bfloat16 by way of float32",
    44790: "a convolution has its own zeros beside what is infinite",
    54325: "a comparison takes a subnormal for zero",
    82305: "the compiler does not add a constant +0 to -0",
    156106: "the compiler takes the sign of a constant -0 for +0",
}

#: Programs in one example, and those of them that are compiled, together.
_TOGETHER, _COMPILED = 20, 4


@st.composite
def programs(draw):
    """Draw a program by asking Hypothesis which of so many."""
    return draw_program(lambda count: draw(st.integers(0, count - 1)), MORE_FAMILIES)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(programs(), min_size=_TOGETHER, max_size=_TOGETHER))
def test_every_claim_is_true(drawn):
    """Of 300 programs, of all that they compute: range, identity and what it depends on."""
    assert next(unsound_claims(drawn, jitted=_COMPILED), None) is None


@pytest.mark.parametrize("number", _ONCE_WRONG, ids=_ONCE_WRONG.values())
def test_what_was_once_claimed_wrongly(number):
    """`soundness.py` found each of them."""
    assert next(unsound_claims([program(number)]), None) is None


_SQUARE = np.array([[2, 0], [5, 3]], np.float32)

#: What random programs, of short arrays, small exponents and bools, do not draw.
_BEYOND = {
    "a transposing reshape": (_SQUARE, lambda x: lax.reshape(x, (2, 2), (1, 0))),
    "where another element is large": (
        _SQUARE,
        lambda x: jnp.where(lax.reshape(x > 1, (2, 2), (1, 0)), x, 2.0),
    ),
    "numbers that bfloat16 rounds": (np.int32(0), lambda x: lax.iota(jnp.bfloat16, 260)),
    "numbers beyond those of float16": (np.int32(0), lambda x: lax.iota(jnp.float16, 70_000)),
    "bits of integers that all have": (
        np.array([5, 2], np.int32),
        lambda x: lax.reduce_and(x, (0,)),
    ),
    "bits of integers that any has": (np.array([5, 2], np.int32), lambda x: lax.reduce_or(x, (0,))),
    "a large power": (np.array([1.01], np.float32), lambda x: lax.integer_pow(x, 1000)),
    "a large power in bfloat16": (
        np.array([1.03125], jnp.bfloat16),
        lambda x: lax.integer_pow(x, 301),
    ),
}


@pytest.mark.parametrize(("array", "step"), _BEYOND.values(), ids=_BEYOND)
def test_what_is_not_drawn(array, step):
    """Each was claimed wrongly once, and found by reading the rules."""
    array = np.asarray(array)
    same = {Source(0, array.dtype): Level.BITS}
    given = Input(Value(array.shape, array.dtype, range_of(array), same, 1), (array, array))

    assert (
        next(unsound_claims([Drawn([given], [lambda known: step(known[0])], ["it"])]), None) is None
    )


def test_a_product_with_a_mask_is_a_positive_zero():
    """Compiled it is a choice between -0 and 0."""
    zeros, mask = np.full(SIZE, -0.0, np.float32), np.zeros(SIZE, bool)
    ranges = ranged(0.0, 0.0, zeros.dtype, minus_zero=True), unknown(mask.dtype)
    inputs = [
        Input(Value(each.shape, each.dtype, bounds, {Source(n, each.dtype): Level.BITS}, 1 << n),
              (each, each))
        for n, (each, bounds) in enumerate(zip((zeros, mask), ranges, strict=True))
    ]  # fmt: skip
    product = Drawn(inputs, [lambda known: known[0] * known[1].astype(jnp.float32)], ["product"])

    assert next(unsound_claims([product]), None) is None
