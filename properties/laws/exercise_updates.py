"""The law book, exercises under the x-ray: the updates during a call do the right thing to leaves.

The three returned numbers show neither the bias nor a kernel that changed its direction alone.
Leaves are recognised by the contract's initial values and not by name, since a program may call its
layers as it likes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...reference.numerics.error_bounds import Bounded
from ...reference.numerics.rounding import FLUSHED, INITIAL_ULPS, UNIT, gamma
from ...reference.observation.exercise_run import Call
from ...reference.oracles.exercise_oracle import oracle_of
from ...reference.pytrees.comparison import same_value, ulps
from ...reference.pytrees.paths import Path, path_text
from ...strategies.problems import exercises
from .exercise_answers import exercise_law
from .law import Inconclusive, label, refute
from .requirements.bounds import distance


class Layer(NamedTuple):
    """The paths of one layer's leaves in the observed updates; None for a leaf not in them."""

    kernel: Path | None
    bias: Path | None


@exercise_law(
    "answer-xray-frozen",
    guarantee="value",
    decisive=True,
    draws=exercises.single_compiled_anew,
    watched=True,
    budget={"the kernel would have moved": 0.3},
    meaning="The bias is not frozen, or the kernel moves in a way that a norm does not show.",
)
def first_layer_keeps_its_values(call: Call) -> None:
    """In the updates that are observed during the call, every leaf of the first layer keeps its
    value, the bias included.
    """
    frozen, _ = recognise_layers(call)
    label("the kernel would have moved", oracle_of(call.problem).unfrozen_move >= 1)
    label("the first layer is in no update", frozen.kernel is None)
    for update in call.updates:
        for path in frozen:
            if path not in update.after or same_value(update.before[path], update.after[path]):
                continue
            if oracle_of(call.problem).kernel_norm.allows(call.norm_after) and call.restores(path):
                raise Inconclusive("the update is undone before the answer", subject=True)
            before, after = update.before[path], update.after[path]
            worst = np.unravel_index(np.argmax(ulps(before, after)), before.shape)
            old, new = float(before[worst]), float(after[worst])
            refute(
                f"{path_text(path)}: frozen leaf changed in an update: {old:.9g} → {new:.9g} "
                f"({distance(new, old)})",
                assertion=f"all(same(update, {path!r}) for update in updates[0])",
                leaf=path_text(path),
                before=old,
                after=new,
                ulps=int(ulps(before, after)[worst]),
                norms_kept=call.norm_after == call.norm_before,
            )


@exercise_law(
    "answer-xray-moves",
    guarantee="selected",
    decisive=True,
    draws=exercises.single_compiled_anew,
    watched=True,
    budget={"the step exceeds its bound": 0.3},
    meaning="Too much is frozen, the sign or the factor of the step is wrong, or something changes "
    "the gradient.",
)
def other_leaves_take_the_gradient_step(call: Call) -> None:
    """In the updates that are observed during the call, every leaf of the second layer moves by
    −lr·gradient, within the oracle's bound.
    """
    _, head = recognise_layers(call)
    oracle = oracle_of(call.problem)
    gradients = oracle.head_kernel_gradient, oracle.head_bias_gradient
    for path, gradient in zip(head, gradients, strict=True):
        if path is None:
            raise Inconclusive("no update of the head was seen", subject=True)
        moved, rounding = observed_move(call, path)
        step = gradient.scaled(-call.problem.learning_rate, roundings=3)
        if step.may_overflow:
            raise Inconclusive("a sum may overflow float32 in some order")
        expected = Bounded(step.value, step.error + rounding)
        label("the step exceeds its bound", bool(np.any(np.abs(step.value) > expected.error)))
        if not expected.allows(moved):
            gap = np.abs(moved - expected.value) / expected.error
            worst = np.unravel_index(np.argmax(np.where(np.isnan(gap), np.inf, gap)), gap.shape)
            refute(
                f"{path_text(path)}: trainable leaf moved by {moved[worst]:.9g}, expected "
                f"{step.value[worst]:.9g} ± {expected.error[worst]:.2g}",
                assertion=f"abs(move(updates[0], {path!r})[{_index(worst)}] - "
                f"{float(step.value[worst])!r}) <= {float(expected.error[worst])!r}",
                leaf=path_text(path),
                observed=float(moved[worst]),
                expected=float(step.value[worst]),
                bound=float(expected.error[worst]),
            )


def recognise_layers(call: Call) -> tuple[Layer, Layer]:
    """Find the leaves of the first layer and of the head by the contract's initial values."""
    if not call.updates:
        raise Inconclusive(
            "no call of optax.apply_updates or nnx.Optimizer.update was seen", subject=True
        )
    weights = oracle_of(call.problem).weights
    first = _find(call, weights.kernel, weights.bias)
    head = _find(call, weights.head_kernel, weights.head_bias)
    if first.kernel is None and head.kernel is None:
        raise Inconclusive("no update of the contract's weights was seen", subject=True)
    return first, head


def _find(call: Call, kernel: np.ndarray, bias: np.ndarray) -> Layer:
    """Find a kernel by its initial values, and the bias beside it, whose zeros tell nothing."""
    for update in call.updates:
        for path, leaf in update.before.items():
            if leaf.shape == kernel.shape and np.allclose(
                leaf, kernel, rtol=2 * UNIT * INITIAL_ULPS, atol=0
            ):
                biases = [
                    other
                    for other, value in update.before.items()
                    if other[:-1] == path[:-1] and other != path and value.shape == bias.shape
                ]
                return Layer(path, biases[0] if len(biases) == 1 else None)
    return Layer(None, None)


def observed_move(call: Call, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Add up a leaf's moves over all updates, in float64, and the bound on their rounding."""
    seen = [
        (update.before[path].astype(np.float64), update.after[path].astype(np.float64))
        for update in call.updates
        if path in update.after
    ]
    if not seen:
        raise Inconclusive("no update of the head was seen", subject=True)
    moved = np.sum([after - before for before, after in seen], axis=0)
    magnitudes = [np.maximum(np.abs(before), np.abs(after)) for before, after in seen]
    # gamma(2): where weights are made in the same compiled function, the sum may start from a
    # product that was never rounded to the `before` we see (a fused multiply-add on XLA's CPU).
    return moved, np.sum([gamma(2) * magnitude + FLUSHED for magnitude in magnitudes], axis=0)


def _index(worst: tuple[np.intp, ...]) -> str:
    return ", ".join(str(int(axis)) for axis in worst)


LAWS = (first_layer_keeps_its_values, other_leaves_take_the_gradient_step)
