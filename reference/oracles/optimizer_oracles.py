"""Optimizers written from their papers in interval arithmetic: where a correct step may end.

Independent of Optax on purpose: nothing here calls it. Names and hyperparameters are Optax's, so
that `oracle_optimizers.adam(1e-3)` bounds `optax.adam(1e-3)`; where Optax chose among published
variants (momentum without dampening, decay scaled by the learning rate, eps inside or outside the
root) the docstring says which. Every function looks at one leaf; an oracle knows nothing of trees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..numerics.intervals import Interval
from ..optimizers.optimizer import Optimizer


@final
@dataclass(frozen=True)
class State:
    """The state of an optimizer for one leaf: steps taken, running first and second moment."""

    count: int
    first: Interval
    second: Interval


Update = Callable[[Interval, Interval, State], tuple[Interval, State]]


@final
@dataclass(frozen=True)
class Oracle:
    """An optimizer for one leaf of any shape.

    `update(gradient, param, state)` gives the interval of what is added to the parameter, and the
    next state. `initial_scale` is the second moment before the first step.
    """

    update: Update
    initial_scale: float = 0.0

    def init(self, param: Interval) -> State:
        """Return the state before the first step."""
        zeros = np.zeros_like(param.low)
        return State(
            count=0,
            first=Interval.of(zeros, param.dtype),
            second=Interval.of(zeros + self.initial_scale, param.dtype),
        )

    def step(self, gradient: Interval, param: Interval, state: State) -> tuple[Interval, State]:
        """Return the parameter after one step, and the next state."""
        update, state = self.update(gradient, param, state)
        return param + update, state


def informative(before: Interval, after: Interval, share: float = 0.1) -> NDArray[np.bool_]:
    """Return where the bound on a new leaf is at most `share` of its step: bools of its shape.

    Elsewhere (no step, a step below the leaf's own rounding, a sign or a quotient that could be
    anything) the interval is sound and proves little: such elements are counted, not judged.
    """
    return after.radius <= share * np.abs(after.centre - before.centre)


def sgd(learning_rate: float, momentum: float | None = None, nesterov: bool = False) -> Oracle:
    """Gradient descent: p ← p - η g, or p ← p - η v with v ← μ v + g.

    Nesterov's variant moves by g + μ v instead. Sutskever et al. 2013, equations 1 to 4, with the
    learning rate taken out of the velocity (the same for a constant rate) and no dampening.
    """

    def update(gradient: Interval, param: Interval, state: State) -> tuple[Interval, State]:
        del param
        if momentum is None:
            return -learning_rate * gradient, state
        velocity = momentum * state.first + gradient
        ahead = momentum * velocity + gradient if nesterov else velocity
        return -learning_rate * ahead, replace(state, first=velocity)

    return Oracle(update)


def adam(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
) -> Oracle:
    """Kingma & Ba 2015, algorithm 1: p ← p - η m̂ / (√(v̂ + eps_root) + eps).

    `eps` is outside the root as in algorithm 1, not the ε̂ of the paper's section 2 (TensorFlow's).
    """
    return adamw(learning_rate, b1, b2, eps, eps_root, weight_decay=0.0)


def adamw(
    learning_rate: float,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    weight_decay: float = 1e-4,
) -> Oracle:
    """Adam with decoupled decay: p ← p - η (m̂ / (√(v̂ + eps_root) + eps) + λ p).

    Loshchilov & Hutter 2019, algorithm 2, with the schedule and the rate as one η: the decay is
    scaled by the learning rate, and never enters the moments.
    """

    def update(gradient: Interval, param: Interval, state: State) -> tuple[Interval, State]:
        count = state.count + 1
        first = _average(b1, gradient, state.first)
        second = _average(b2, gradient.square(), state.second)
        root = (_unbiased(second, b2, count) + eps_root).sqrt()
        direction = _unbiased(first, b1, count) / (root + eps)
        return (
            -learning_rate * _decayed(direction, weight_decay, param),
            State(count, first, second),
        )

    return Oracle(update)


def rmsprop(
    learning_rate: float, decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0
) -> Oracle:
    """p ← p - η g / √(v + eps) with v ← decay v + (1 - decay) g².

    Tieleman & Hinton 2012, lecture 6e, which has no eps; Optax adds it inside the root (PyTorch
    outside). The second moment starts at `initial_scale` (0 as in PyTorch, 1 in TensorFlow 1).
    """

    def update(gradient: Interval, param: Interval, state: State) -> tuple[Interval, State]:
        del param
        second = _average(decay, gradient.square(), state.second)
        direction = gradient / (second + eps).sqrt()
        return -learning_rate * direction, replace(state, second=second)

    return Oracle(update, initial_scale)


def lion(
    learning_rate: float, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 1e-3
) -> Oracle:
    """p ← p - η (sign(b1 m + (1 - b1) g) + λ p) with m ← b2 m + (1 - b2) g.

    Chen et al. 2023, algorithm 2. Where rounding decides the sign, the step is in [-η, η].
    """

    def update(gradient: Interval, param: Interval, state: State) -> tuple[Interval, State]:
        direction = _average(b1, gradient, state.first).sign()
        first = _average(b2, gradient, state.first)
        return (
            -learning_rate * _decayed(direction, weight_decay, param),
            replace(state, first=first),
        )

    return Oracle(update)


def _average(decay: float, new: Interval, old: Interval) -> Interval:
    """Return decay · old + (1 - decay) · new."""
    # An interval before the subtraction: where 0.999 is rounded first, 1 - 0.999 is 100 ulps off.
    keep = Interval.of(decay, new.dtype)
    return keep * old + (1.0 - keep) * new


def _unbiased(moment: Interval, decay: float, count: int) -> Interval:
    """Return moment / (1 - decay ** count), Kingma & Ba's correction of a start at zero."""
    return moment / (1.0 - Interval.of(decay, moment.dtype).power(count))


def _decayed(direction: Interval, weight_decay: float, param: Interval) -> Interval:
    return direction + weight_decay * param if weight_decay else direction


_BY_ROW: dict[str, Callable[..., Oracle]] = {
    "sgd": sgd,
    "momentum": sgd,
    "nesterov": partial(sgd, nesterov=True),
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "lion": lion,
}


def oracle_of(optimizer: Optimizer) -> Oracle:
    """Return the oracle of a row of the catalogue; raises `KeyError` where it has none."""
    return _BY_ROW[optimizer.name](**dict(optimizer.hyperparameters))
