"""Intervals enclose what float32 programs compute, are as narrow as stated, and admit ignorance."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.reference.numerics.intervals import Interval

UNIT = 2.0**-24
FLUSHED = 2.0**-126
LARGEST = float(np.finfo(np.float32).max)
SIZE = 37

EDGES = np.array(
    [0.0, 1.0, 2.0**-149, 2.0**-127, FLUSHED, 1.5 * FLUSHED, 2.0**-63, 2.0**63, 2.0**126, LARGEST],
    np.float32,
)


def repeated_product(base: Any, exponent: int) -> Any:
    """Return base ** exponent by the multiplications that a training loop would do."""
    product = base
    for _ in range(exponent - 1):
        product = product * base
    return product


#: name: (on intervals, the ways in which a program may write it).
OPERATIONS: dict[str, tuple[Callable[..., Interval], list[Callable[..., Any]]]] = {
    "sum": (lambda a, b: a + b, [lambda a, b: a + b]),
    "difference": (lambda a, b: a - b, [lambda a, b: a - b]),
    "product": (lambda a, b: a * b, [lambda a, b: a * b]),
    "quotient": (lambda a, b: a / b, [lambda a, b: a / b, lambda a, b: a * (1 / b)]),
    "constant divisor": (lambda a, b: a / 0.0997, [lambda a, b: a / 0.0997]),
    "multiply-add": (lambda a, b: a * b + a, [lambda a, b: a * b + a]),
    "square": (lambda a, b: a.square(), [lambda a, b: a**2, lambda a, b: a * a]),
    "root": (lambda a, b: abs(a).sqrt(), [lambda a, b: jnp.sqrt(jnp.abs(a))]),
    "inverse root": (
        lambda a, b: abs(a).sqrt().reciprocal(),
        [lambda a, b: jax.lax.rsqrt(jnp.abs(a)), lambda a, b: 1 / jnp.sqrt(jnp.abs(a))],
    ),
    "power": (
        lambda a, b: abs(a).power(5),
        [lambda a, b: jnp.abs(a) ** jnp.int32(5), lambda a, b: repeated_product(jnp.abs(a), 5)],
    ),
    "sign": (lambda a, b: a.sign(), [lambda a, b: jnp.sign(a)]),
    "maximum": (lambda a, b: a.maximum(b), [jnp.maximum]),
}
WRITTEN = [
    (name, way, number)
    for name, (_, ways) in OPERATIONS.items()
    for number, eager in enumerate(ways)
    for way in (eager, jax.jit(eager))
]


@st.composite
def float32s(draw: st.DrawFn) -> np.ndarray:
    """Draw (SIZE,) float32 values of both signs: of some magnitude, among edges and zeros."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = draw(st.sampled_from([(-3, 3), (-45, -30), (10, 38), (-45, 38)]))
    values = np.where(
        generator.random(SIZE) < 0.3,
        generator.choice(EDGES, SIZE),
        10.0 ** generator.uniform(low, high, SIZE),
    )
    return (values * generator.choice([-1.0, 1.0], SIZE)).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(a=float32s(), b=float32s())
def test_operations_enclose_float32_programs(a: np.ndarray, b: np.ndarray) -> None:
    """Every spelling, eager and compiled, over zeros, subnormals and the largest floats."""
    for name, way, number in WRITTEN:
        bound = OPERATIONS[name][0](Interval.of(a), Interval.of(b))
        got = np.asarray(way(jnp.asarray(a), jnp.asarray(b)))
        inside = bound.contains(got)
        at = int(np.argmin(inside))
        assert inside.all(), f"{name} (spelling {number}) of {a[at]!r}, {b[at]!r}: {got[at]!r}"


@settings(max_examples=50)
@given(a=float32s(), b=float32s(), seed=st.integers(0, 2**32 - 1))
def test_operations_enclose_every_point_of_an_interval(
    a: np.ndarray, b: np.ndarray, seed: int
) -> None:
    """The image of any two members is a member: endpoints, points between, both signs."""
    generator = np.random.default_rng(seed)
    ends = [a.astype(np.float64) * generator.choice([1, 1.1, -1], SIZE), a.astype(np.float64)]
    wide = Interval(np.minimum(*ends), np.maximum(*ends))
    other = Interval.of(b)
    share = generator.choice([0.0, 1.0, 0.5, generator.random()], SIZE)
    x, y = wide.low + share * (wide.high - wide.low), b.astype(np.float64)
    with np.errstate(all="ignore"):
        images = [
            (wide + other, x + y),
            (wide - other, x - y),
            (wide * other, x * y),
            (other / wide, y / x),
            (wide.square(), x * x),
            (abs(wide), np.abs(x)),
            (wide.sign(), np.sign(x)),
            (wide.maximum(other), np.maximum(x, y)),
            (abs(wide).sqrt(), np.sqrt(np.abs(x))),
            (abs(wide).power(3), np.abs(x) ** 3),
        ]
    for number, (bound, image) in enumerate(images):
        assert bound.contains(image).all(), number


@pytest.mark.parametrize(
    ("bound", "exact", "units"),
    [
        (Interval.of(3.0) + 7.0, 10.0, 1),
        (Interval.of(3.0) * 7.0, 21.0, 1),
        (Interval.of(3.0) / 7.0, 3 / 7, 2),
        (Interval.of(3.0).square(), 9.0, 1),
        (Interval.of(3.0).sqrt(), 3**0.5, 3),
        (Interval.of(3.0).power(2), 9.0, 2),
        (Interval.of(3.0).power(10), 3.0**10, 10),
        (Interval.of(-3.0).sign(), -1.0, 0),
        (abs(Interval.of(-3.0)), 3.0, 0),
        (Interval.of(3.0).maximum(4.0), 4.0, 0),
    ],
)
def test_operations_on_points_are_no_wider_than_documented(
    bound: Interval, exact: float, units: int
) -> None:
    """The radius is the stated number of roundings, and one flushed subnormal."""
    assert bound.contains(exact)
    assert bound.radius <= units * UNIT * abs(exact) * (1 + 1e-6) + 2 * FLUSHED


@pytest.mark.parametrize(
    ("program", "exact", "units"),
    [
        (jnp.sqrt, np.sqrt, 1),
        (lambda x: 1 / x, lambda x: 1 / x, 1),
        (jax.lax.rsqrt, lambda x: 1 / np.sqrt(x), 4),
        (lambda x: 1 / jnp.sqrt(x), lambda x: 1 / np.sqrt(x), 4),
        (lambda x: x / 0.0997, lambda x: x / np.float64(np.float32(0.0997)), 2),
    ],
    ids=["sqrt", "reciprocal", "rsqrt", "reciprocal of sqrt", "division by a constant"],
)
def test_this_machine_rounds_as_measured(
    program: Callable[..., Any], exact: Callable[..., Any], units: int
) -> None:
    """The table of measured errors holds here, on a fifth of the floats of two binades."""
    values = np.arange(0x3F800000, 0x40800000, 5, np.uint32).view(np.float32)
    want = exact(values.astype(np.float64))
    for way in (program, jax.jit(program)):
        assert (
            np.max(np.abs(np.asarray(way(jnp.asarray(values)), np.float64) - want) / want)
            <= units * UNIT
        )


@settings(max_examples=50, deadline=None)
@given(decay=st.floats(0.0, 0.9999), count=st.integers(1, 2000))
def test_hyperparameters_are_rounded_before_or_after(decay: float, count: int) -> None:
    """1 - b and 1 - b**t: in Python, in float32 from a rounded b, by pow or by multiplication."""
    interval = Interval.of(decay)
    rounded = np.float32(decay)
    powers = [np.asarray(jnp.float32(decay) ** jnp.int32(count))]
    if count < 100:
        powers.append(repeated_product(rounded, count))

    assert (1.0 - interval).contains([np.float32(1 - decay), np.float32(1) - rounded]).all()
    assert (1.0 - interval.power(count)).contains([np.float32(1) - p for p in powers]).all()


def test_given_numbers_enclose_themselves_their_rounding_and_zero_if_subnormal() -> None:
    """Nothing else: a float32 value that is normal stays a point."""
    given_numbers = Interval.of([0.1, 0.5, 1e-40, -1e-40])
    rounded = float(np.float32(0.1))

    assert (given_numbers.low[0], given_numbers.high[0]) == (0.1, rounded)
    assert given_numbers.radius[1] == 0
    assert given_numbers.contains(0.0).tolist() == [False, False, True, True]


def test_signs_between_the_signs_of_the_ends() -> None:
    """An interval that contains 0 gives any sign in between, exactly 0 gives 0."""
    signs = Interval(np.array([-2.0, -1.0, 0.0, 0.0, 3.0]), np.array([-1.0, 1.0, 0.0, 2.0, 4.0]))

    assert signs.sign().low.tolist() == [-1, -1, 0, 0, 1]
    assert signs.sign().high.tolist() == [-1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    "undefined",
    [
        Interval.of(1.0) / 0.0,
        Interval.of(0.0) / 0.0,
        Interval.of(1.0) / Interval(np.array(-1.0), np.array(1.0)),
        Interval.of(-1.0).sqrt(),
        Interval.of(-1.0).power(2),
        Interval.of(LARGEST) + LARGEST,
        Interval.of(2.0**64).square(),
        Interval.of(1e39),
        Interval.of(np.nan),
    ],
)
def test_undefined_and_overflowing_elements_stay_unknown(undefined: Interval) -> None:
    """Where a program may hold inf or NaN everything is possible, whatever comes after."""
    one = Interval.of(1.0)
    after = [
        undefined,
        -undefined,
        undefined * 0.0,
        undefined - undefined,
        one / undefined,
        undefined.square(),
        undefined.sqrt(),
        undefined.sign(),
        abs(undefined),
        one.maximum(undefined),
        undefined.maximum(one),
        undefined.power(3),
    ]

    for number, interval in enumerate(after):
        assert not interval.known, number
        assert interval.contains([np.nan, np.inf, -7.0]).all(), number
        assert interval.centre == 0, number
        assert interval.radius == np.inf, number


def test_rounding_follows_the_dtype() -> None:
    """bfloat16 has 8 bits: its product is 2**16 times as wide, and dtypes do not mix."""
    half = Interval.of(3.0, ml_dtypes.bfloat16)

    assert (half * 7.0).radius == pytest.approx(21 * 2.0**-8)
    with pytest.raises(TypeError, match="one dtype"):
        half * Interval.of(7.0)
