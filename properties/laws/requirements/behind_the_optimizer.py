"""What becomes of updates behind the optimizer: whether a leaf moves as the optimizer says, at a
rate of the leaf or of the step, twice or a step late, or is changed in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ....reference.observation.trajectory import Step
from ....reference.pytrees.paths import Path
from ..law import Inconclusive, label
from .training_law import moved


class Moved(NamedTuple):
    """A trainable leaf in one step, and what the optimizer makes of it alone, in float64."""

    step: Step
    path: Path
    expected: np.ndarray
    bound: np.ndarray

    @property
    def before(self) -> np.ndarray:
        """The leaf before the step."""
        return self.step.before.params[self.path].array.astype(np.float64)

    @property
    def after(self) -> np.ndarray:
        """The leaf after the step."""
        return self.step.after.params[self.path].array.astype(np.float64)

    @property
    def is_close(self) -> bool:
        """Whether the step makes what the optimizer makes alone, within the bound."""
        with np.errstate(all="ignore"):
            return bool((np.abs(self.after - self.expected) <= self.bound).all())

    @property
    def is_answered_alone(self) -> bool:
        """Whether the optimizer itself answered as it does alone, whatever became of that."""
        given = self.step.given
        update = given.updates.get(self.path) if given else None
        if update is None:
            return False
        with np.errstate(all="ignore"):
            answered = self.before + update.astype(np.float64)
            return bool((np.abs(answered - self.expected) <= self.bound).all())


def moves_as_it_is(moves: list[Moved]) -> bool:
    """Tell whether the updates of a leaf are those of the optimizer, and one shows a factor."""
    telling = (np.abs(each.expected - each.before) > each.bound for each in moves)
    return all(each.is_close for each in moves) and any(each.any() for each in telling)


def share_a_rate_of_each_step(leaves: Iterable[list[Moved]]) -> bool:
    """Tell whether all updates are multiplied by a number of their step, such as that of a warm-up,
    which may begin with zero.
    """
    rates = _rates(leaves)
    found = [rate for rate in rates if rate is not None]
    return len(found) == len(rates) and any(most < 1 for _, most in found)


def is_changed(
    moves: Sequence[Moved], leaves: Iterable[list[Moved]], *, among_others: bool
) -> bool:
    """Tell whether a leaf becomes something else than the optimizer made of it, as it does alone.

    Weights are projected, decayed, pruned or averaged by the step itself, and nobody can tell by
    the replay what it looks at. Updates that are applied again, or a step late, are none of these;
    of one step alone nobody can tell whether a schedule doubles it.
    """
    if not all(move.is_close or move.is_answered_alone for move in moves):
        return False
    if any(map(_moves_frozen_leaves, (move.step for move in moves))):  # by an inverted mask
        return False
    with np.errstate(all="ignore"):
        rates = _rates(leaves)
        again = len(rates) > 1 and all(rates) and _is_again(*_shared([r for r in rates if r]))
        again |= not among_others and _is_again(*_factors(moves))
        # What comes a step late has nothing to come in the first; rounding may bring a move again.
        late = not moves[0].is_close and len(moves) > 1
        late &= all(_is_late(*pair) for pair in pairwise(moves))
    return not again and not late


def _moves_frozen_leaves(step: Step) -> bool:
    return any(moved(step.before.params, step.after.params, path) for path in step.frozen)


def _rates(leaves: Iterable[list[Moved]]) -> list[tuple[float, float] | None]:
    """Return what the updates are multiplied by in each step where one is not the optimizer's."""
    steps = zip(*leaves, strict=True)
    return [_common_rate(each) for each in steps if not all(move.is_close for move in each)]


def _shared(rates: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the bounds on a number that is the rate of all steps: a cycle doubles, and triples."""
    return max(least for least, _ in rates), min(most for _, most in rates)


def _is_again(least: float, most: float) -> bool:
    return 0 < least <= most and any(least <= times <= most for times in (2, 3))


def _is_late(last: Moved, move: Moved) -> bool:
    """Tell whether a leaf becomes what the optimizer made of it in the step before, or moves so."""
    bound = last.bound + move.bound
    update = last.expected - last.before
    lags = np.abs(move.after - last.expected), np.abs(last.expected - move.expected)
    moves_late = (
        np.abs(move.after - move.before - update),
        np.abs(move.before + update - move.expected),
    )
    return any(
        bool((off <= bound).all() and (apart > bound).any()) for off, apart in (lags, moves_late)
    )


def _common_rate(moves: tuple[Moved, ...]) -> tuple[float, float] | None:
    """Return bounds on the number by which the updates of one step are multiplied, if there is one
    that all elements agree on, as a single one does with itself.

    It is zero where nothing moves. Where frozen leaves do, the mask is inverted.
    """
    step = moves[0].step
    if not any(moved(step.before.params, step.after.params, path) for path in step.before.params):
        return 0.0, 0.0
    with np.errstate(all="ignore"):
        least, most = _factors(moves)
    return (least, most) if 0 < least <= most < np.inf else None


def _factors(moves: Iterable[Moved]) -> tuple[float, float]:
    """Return the bounds on a number by which all these updates may be multiplied."""
    least, most = -np.inf, np.inf
    for each in moves:
        update, length = each.expected - each.before, each.after - each.before
        telling = np.abs(update) > each.bound
        ends = [(length + sign * each.bound)[telling] / update[telling] for sign in (-1, 1)]
        least = max(least, np.minimum(*ends).max(initial=-np.inf))
        most = min(most, np.maximum(*ends).min(initial=np.inf))
    return least, most


def has_rate_of_its_own(moves: list[Moved], *, among_others: bool) -> bool:
    """Tell whether all updates of a leaf are multiplied behind the optimizer by the same number.

    A layer may have its own rate, a head often one ten times as large, and biases one twice as
    large. Two and three times the updates of all leaves are updates that are applied again: not
    `among_others`, which move as the optimizer says. Of one step nobody can tell what its factor
    depends on.
    """
    with np.errstate(all="ignore"):
        least, most = _factors(moves)
        factor = (least + most) / 2
        if len(moves) > 1 and not among_others and _is_again(least, most):
            return False
        if not 0 < least <= most < np.inf:
            return False
        off = (abs(m.after - m.before - factor * (m.expected - m.before)) for m in moves)
        bounds = ((1 + factor) * m.bound for m in moves)
        if not all((a <= b).all() for a, b in zip(off, bounds, strict=True)):
            return False
    if len(moves) == 1:
        raise Inconclusive("whether a leaf has its own rate is not seen in one step")
    label("a leaf has its own rate")
    return True
