"""The law book, losses: a trainer reports the declared loss of its prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.numerics.rounding import UNIT
from ...reference.observation.trajectory import Step, Trajectory
from ...reference.problems.row_order import another_order
from ...reference.pytrees.comparison import changes
from ...reference.pytrees.dtypes import is_float
from ...reference.subjects.capability import Capability
from ...reference.subjects.user_errors import let_through
from ...strategies.optimizers import named
from ...strategies.problems import trainings as training
from ...strategies.problems import variations
from .law import Inconclusive, Refutation, SubjectRaised, label, refute
from .requirements.bounds import distance
from .requirements.endings import ending
from .requirements.training_law import moved, training_law

_WRONG = (
    "A sum instead of a mean, a factor, a broadcast of (N, 1) against (N,), missing rows; or "
    "`predict=` or `loss=` declares another prediction, or another loss, than that of the step."
)

_NOISE, _STATISTICS = (
    f"{cause} change the loss in training: no prediction tells what it has to be, and the freeze "
    "is judged without it"
    for cause in ("random numbers, such as those of Dropout,", "batch statistics")
)


def _noise_in_the_loss(subject: Any, found: Refutation) -> str | None:
    """Excuse a loss that depends on random numbers, or on the batch as a norm in training does."""
    # Here, since the book is read without JAX.
    from ...reference.trials.noise import is_loss_noisy
    from ...reference.trials.statistics_use import is_any_unused

    if "bound" not in found.facts:  # it is not a number, or `loss=` raised
        return None
    trajectory, number = found.facts["calls"][0], found.facts.get("step", 1)
    step = trajectory.steps[number - 1]
    old, new = step.model_state
    moved = changes(old, new, old.keys(), "value") or (step.noisy and _moves_something_else(step))
    if moved or is_any_unused(subject, trajectory, sorted(old)):
        return _STATISTICS
    size = abs(found.facts.get("expected", step.loss))
    relative = found.facts["bound"] / size if size else 0.0
    noisy = is_loss_noisy(subject, trajectory.problem, number, relative)
    return _NOISE if noisy or (noisy is None and step.noisy) else None


def _moves_something_else(step: Step) -> bool:
    """Tell whether a step changes floats that are neither parameters nor optimizer state, such as
    statistics that nobody declared.
    """
    old, new = step.before.rest, step.after.rest
    if old is None or new is None:
        return False
    known = [leaves for leaves in (step.after.params, step.after.opt_state) if leaves is not None]
    told = {leaf.array.tobytes() for leaves in known for leaf in leaves.values()}
    floats = [path for path in old.keys() & new.keys() if is_float(new[path].array.dtype)]
    moved = [change.path for change in changes(old, new, floats, "value")]
    return any(new[path].array.tobytes() not in told for path in moved)


@training_law(
    "loss-is-mse",
    guarantee="computes",
    needs=Capability.LOSS & Capability.PREDICT,
    draws=training.single,
    excuse=_noise_in_the_loss,
    meaning=_WRONG,
)
def loss_is_the_declared_one(trajectory: Trajectory) -> None:
    """The reported loss equals the declared loss (mean squared error, or a NumPy function) of the
    prediction before the step, within the bound on its rounding.
    """
    _require_loss(trajectory)


@training_law(
    "loss-before-step",
    guarantee="computes",
    needs=Capability.LOSS & Capability.PREDICT,
    draws=training.under(lambda promised: named("sgd", learning_rates=(1.0, 10.0, 100.0))),
    evidence={"the step moves a leaf": 0.5},
    excuse=_noise_in_the_loss,
    meaning="Where `loss-is-mse` holds, the loss is evaluated again after the update.",
)
def loss_is_that_before_the_step(trajectory: Trajectory) -> None:
    """The reported loss equals the declared loss of the prediction before the step, also where the
    step changes the prediction by more than rounding.
    """
    label("the step moves a leaf", any(map(_moves_a_leaf, _require_loss(trajectory))))


def _moves_a_leaf(step: Step) -> bool:
    return any(moved(step.before.params, step.after.params, path) for path in step.trainable)


def _require_loss(trajectory: Trajectory) -> list[Step]:
    """Require the loss of each step before which there is a prediction; return those steps.

    A loss of the user's own until the weights move, in the first step unless the rate begins at
    zero: of the sure predictions of trained weights some formulas round all away, such as the
    logarithm of 1 - sigmoid(x).
    """
    judged = []
    for step in trajectory.steps:
        untrained = not any(map(_moves_a_leaf, trajectory.steps[: step.number - 1]))
        later = step.prediction is not None and (trajectory.declared_loss == "mse" or untrained)
        if step.number == 1 or later:
            try:
                value, bound = expected_loss(step, trajectory.declared_loss)
            except Inconclusive:
                if step.number == 1:
                    raise
                break  # the weights of this step and of those after it are out of bounds
            _require_declared(step, value, bound)
            judged.append(step)
    return judged


def _require_declared(step: Step, value: float, bound: float) -> None:
    loss, number = step.loss, step.number
    assert loss is not None
    if not abs(loss - value) <= bound:
        later = f" at step {number}" if number > 1 else ""
        refute(
            f"loss is {loss:.9g}{later}, expected {value:.9g} ± {bound:.2g} "
            f"({distance(loss, value)})",
            assertion=f"abs(losses[0][{number - 1}] - {value!r}) <= {bound!r}",
            leaf="loss",
            step=number,
            observed=loss,
            expected=value,
            bound=bound,
        )


@training_law(
    "loss-row-order",
    guarantee="computes",
    needs=Capability.MSE & Capability.PREDICT & Capability.ROWS,
    draws=training.single,
    varies=variations.and_with_permuted_rows,
    budget={"more than one row": 0.4},
    excuse=_noise_in_the_loss,
    meaning="Rows are weighted, skipped or treated by their position in the batch.",
)
def loss_ignores_the_order_of_rows(trajectory: Trajectory, permuted: Trajectory) -> None:
    """Permuted rows give the same loss, within the sum of both bounds on rounding."""
    problem = permuted.problem
    label("more than one row", problem.rows > 1)
    order = another_order(problem.order, problem.rows)
    _require_same_loss(trajectory, permuted, order, "of the permuted rows")


@training_law(
    "loss-repeated-rows",
    guarantee="computes",
    needs=Capability.MSE & Capability.PREDICT & Capability.ROWS,
    draws=training.single,
    varies=variations.and_with_repeated_rows,
    excuse=_noise_in_the_loss,
    meaning="A sum instead of a mean, a division by n − 1, or a batch size from somewhere else.",
)
def loss_ignores_repeated_rows(trajectory: Trajectory, repeated: Trajectory) -> None:
    """A batch with every row k times gives the same loss, within the sum of both bounds on
    rounding.
    """
    rows = np.tile(np.arange(trajectory.problem.rows), repeated.problem.repeats)
    _require_same_loss(trajectory, repeated, rows, "of each row twice")


def _require_same_loss(
    trajectory: Trajectory, other: Trajectory, rows: np.ndarray, words: str
) -> None:
    first, second = trajectory.steps[0], other.steps[0]
    _, bound = expected_loss(first, trajectory.declared_loss)
    _, other_bound = expected_loss(second, other.declared_loss)
    (one,), (two,) = _leaves(first.prediction), _leaves(second.prediction)
    slack = _leaves(first.sensitivity)[0][rows] + _leaves(second.sensitivity)[0]
    if not (np.abs(one[rows] - two) <= slack).all():
        raise Inconclusive("a row's prediction depends on the other rows", subject=True)
    assert first.loss is not None
    assert second.loss is not None
    off = bound + other_bound
    if not abs(first.loss - second.loss) <= off:
        refute(
            f"loss is {first.loss:.9g}, loss {words} is {second.loss:.9g}, expected a difference "
            f"of at most {off:.2g} ({distance(second.loss, first.loss)})",
            assertion=f"abs(losses[0][0] - losses[1][0]) <= {off!r}",
            leaf="loss",
            before=first.loss,
            after=second.loss,
            bound=off,
        )


def expected_loss(step: Step, declared: Any) -> tuple[float, float]:
    """Return the declared loss of a step's prediction, and the bound on its rounding."""
    if step.loss is None:
        refute(
            "`train_step` returned a loss that is not one number",
            assertion=f"not np.isnan(losses[0][{step.number - 1}])",
            leaf="loss",
            step=step.number,
            observed=None,
        )
    if step.prediction is None or step.half_precision:
        raise Inconclusive("predictions in half precision have no known bound", subject=True)
    if not all(np.isfinite(leaf).all() for leaf in _leaves(step.sensitivity)) and all(
        np.isfinite(leaf).all() for leaf in _leaves(step.prediction)
    ):
        reason = "inputs are integers, and parameters cannot be perturbed: add `with_params=`"
        raise Inconclusive(reason, subject=True)
    value, bound = _mse(step) if declared == "mse" else _own_loss(declared, step)
    if not np.isfinite(value + bound) or value > 1e30:
        raise Inconclusive("a sum may overflow float32 in some order", subject=True)
    if not np.isfinite(step.loss):
        raise Inconclusive("the reported loss is not finite, and the declared loss is")
    return value, bound


def _mse(step: Step) -> tuple[float, float]:
    """Return the mean squared error in float64, and its bound.

    The bound follows from how far two correct predictions may differ, and from n + 8 roundings of
    the loss itself.
    """
    if len(_leaves(step.prediction)) != 1 or len(_leaves(step.targets)) != 1:
        raise Inconclusive("`loss='mse'` needs one prediction and one target", subject=True)
    (prediction,), (targets,) = _leaves(step.prediction), _leaves(step.targets)
    if prediction.size != targets.size:
        raise Inconclusive("prediction and targets differ in shape", subject=True)
    prediction = prediction.astype(np.float64)
    (sensitivity,) = _leaves(step.sensitivity)
    residuals = prediction.reshape(targets.shape) - targets.astype(np.float64)
    value, off = float(np.mean(residuals**2)), sensitivity + 2 * UNIT * np.abs(prediction)
    spread = float(np.mean(2 * np.abs(residuals).ravel() * off.ravel() + off.ravel() ** 2))
    return value, spread + (prediction.size + 8) * 2 * UNIT * value + 1e-30


def _own_loss(declared: Any, step: Step) -> tuple[float, float]:
    """Return the declared loss in float64, and its bound.

    The bound follows from the losses of predictions that are as far off as correct ones may be,
    from how far the declared function is off in float32 near by, as `log(1 - tanh(x)**2)` is, and
    from the roundings of the loss itself: of numbers of at least 1, since a small cross-entropy is
    the difference of a logit and of the logarithm of a sum of exponentials. All numbers are summed
    once. What is made of them before may sum over an axis, and round 64 times as often: the bound
    of a mean over (16, 32, 256) is 2 %, so that a padding is seen which is not left out.
    """
    from jax import tree  # here: a law book is read without JAX

    prediction = tree.map(lambda leaf: np.asarray(leaf, np.float64), step.prediction)
    generator = np.random.default_rng(0)

    def loss(of: Any, dtype: Any = np.float64) -> float:
        try:
            with np.errstate(all="ignore"):
                return float(declared(tree.map(lambda leaf: leaf.astype(dtype), of), step.targets))
        except BaseException as error:
            let_through(error)
            raised = ending(error)
            message = f"`loss` of prediction and targets {raised}"
            raise SubjectRaised(message, assertion="True", raised=raised) from None

    def off(leaf: np.ndarray, most: np.ndarray) -> np.ndarray:
        return leaf + most * generator.choice((-1, 1), leaf.shape)

    def near(leaf: np.ndarray) -> np.ndarray:
        return np.asarray(leaf * generator.uniform(0.99, 1.01, leaf.shape), np.float32)

    value = loss(prediction)
    moved = [loss(tree.map(off, prediction, step.sensitivity)) for _ in range(4)]
    others = [tree.map(near, prediction) for _ in range(4)]
    spread = np.max([abs(each - value) for each in moved])
    rounded = np.max([abs(loss(each, np.float32) - loss(each)) for each in others])
    roundings = sum(leaf.size + 8 + 64 * (sum(leaf.shape) + 8) for leaf in _leaves(prediction))
    # Four times the largest of four: by chance all of them may lie where the loss is flat.
    return value, 4 * (spread + rounded) + 2 * UNIT * roundings * max(abs(value), 1.0)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, np.ndarray):
        return [tree]
    from jax.tree_util import tree_leaves

    return list(tree_leaves(tree))


LAWS = (
    loss_is_the_declared_one,
    loss_is_that_before_the_step,
    loss_ignores_the_order_of_rows,
    loss_ignores_repeated_rows,
)
