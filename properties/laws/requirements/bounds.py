"""Requirements on observed numbers, each with its message and its assertion.

A requirement that is not met raises `Refutation` with a sentence for people and an assertion for
the stand-alone script; `where` is the Python expression of the number in that script.
"""

import math

import numpy as np

from ....reference.numerics.error_bounds import Bounded
from ..law import Inconclusive, refute


def require_within(name: str, where: str, observed: float, expected: Bounded) -> None:
    """Require a reported number to lie within the oracle's bound of the expected number."""
    if expected.may_overflow:
        raise Inconclusive("a sum may overflow float32 in some order")
    value, error = float(expected.value), float(expected.error)
    if not expected.allows(observed):
        refute(
            f"{name} is {observed:.9g}, expected {value:.9g} ± {error:.2g} "
            f"({distance(observed, value)})",
            assertion=f"abs({where} - {value!r}) <= {error!r}",
            leaf=name,
            observed=observed,
            expected=value,
            bound=error,
        )


def require_close(
    names: tuple[str, str], wheres: tuple[str, str], pair: tuple[float, float], bound: float
) -> None:
    """Require two reported numbers to differ by no more than two correct numbers may."""
    first, second = pair
    if not abs(first - second) <= bound:
        refute(
            f"{names[0]} is {first:.9g}, {names[1]} is {second:.9g}, expected a difference of at "
            f"most {bound:.2g} ({distance(second, first)})",
            assertion=f"abs({wheres[0]} - {wheres[1]}) <= {bound!r}",
            leaf=names[1],
            before=first,
            after=second,
            bound=bound,
        )


def distance(observed: float, expected: float) -> str:
    """Show how far two numbers lie apart, in ulps of float32 if those are few."""
    gap = abs(observed - expected)
    if not math.isfinite(gap):
        return "not finite"
    ulps = gap / float(np.spacing(np.float32(abs(expected) or 1)))
    if ulps < 1e5:
        return f"{ulps:.0f} ulps"
    return "was zero" if expected == 0 else f"{observed / expected:.3g} times it"
