"""How a trainer is run: a training is begun, and goes by the actions of a problem, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..optimizers.optimizer import Optimizer
from ..optimizers.perturbation import perturbing
from ..optimizers.recording import recording
from ..problems.training_problem import CHANGE, TrainingProblem
from ..pytrees.paths import Path, named_leaves, normalise, path_text, select
from ..subjects.moment import Moment
from ..subjects.trainer import Trainer
from ..subjects.training import Training, copy_arrays
from ..subjects.user_errors import let_through
from .checkpoint import through_orbax
from .compilations import compilations
from .sensitivity import half_precision, noisy, predicted
from .trajectory import Step, Trajectory


def run_trainer(trainer: Trainer, problem: TrainingProblem) -> Trajectory:
    """Begin a training and do what the problem says; an exception ends it, and is kept."""
    trajectory = Trajectory(problem, declared_loss=trainer.loss)
    try:

        def begin(optimizer: Optimizer) -> Training:
            transformation = optimizer.transformation
            if problem.disturbed:
                transformation = perturbing(transformation, problem.disturbed, trainer)
            record = recording.__wrapped__ if problem.anew else recording
            return trainer.begin(problem.seed, problem.batch(1), record(transformation))

        trajectory.at_work = "`create`"
        training = begin(problem.optimizer)
        chosen = select(named_leaves(training.params()), trainer.frozen)
        trajectory.chosen = chosen
        if problem.weights != "initialised":
            trajectory.at_work = "`with_params`"
            reweigh(training, problem, chosen)
        _act(training, begin, problem, trajectory)
    except BaseException as error:
        let_through(error)
        trajectory.raised = error
    return trajectory


def _act(
    training: Training,
    begin: Callable[[Optimizer], Training],
    problem: TrainingProblem,
    trajectory: Trajectory,
) -> None:
    frozen = chosen = trajectory.chosen
    saved, number, refrozen, optimizer = None, 0, False, problem.optimizer
    trajectory.at_work = "looking at what `create` returned"
    before = training.moment()
    floats = {path for path, leaf in before.params.items() if leaf.array.dtype.kind in "fcV"}
    sets = {
        "freeze": chosen,
        "unfreeze": frozenset[Path](),
        "freeze the others": frozenset(floats - chosen),
        "freeze everything": frozenset(floats),
    }
    for action in problem.actions:
        if action == "step":
            number += 1
            trajectory.at_work = f"step {number}"
            before = _step(training, problem, before, frozen, number, trajectory)
            trajectory.steps[-1].optimizer = optimizer
            continue
        trajectory.at_work = f"`refreeze` ({action})" if action in sets else f"{action!r}"
        if action in sets:
            frozen, refrozen = sets[action], True
            training.refreeze(tuple(sorted(map(path_text, frozen))))
        elif action == "save":
            saved = training.save(), frozen, optimizer
        elif action == "checkpoint":
            old, training = training, begin(optimizer)
            if refrozen:
                training.refreeze(tuple(sorted(map(path_text, frozen))))
            through_orbax(old, training)
        elif action == CHANGE:
            assert problem.next_optimizer is not None
            optimizer, params = problem.next_optimizer, copy_arrays(training.params())
            training = begin(optimizer)
            training.set_params(params)
            if refrozen:
                training.refreeze(tuple(sorted(map(path_text, frozen))))
        elif saved is not None:
            training.restore(saved[0])
            _, frozen, optimizer = saved
        before = training.moment()


def _step(
    training: Training,
    problem: TrainingProblem,
    before: Moment,
    frozen: frozenset[Path],
    number: int,
    trajectory: Trajectory,
) -> Moment:
    batch, untouched = problem.batch(number), problem.batch(number)
    # Only before the first step: the others start from weights of the program's own making.
    asked = number == 1 and hasattr(batch, "x")
    trajectory.at_work = "`predict`"
    prediction = predicted(training, batch.x) if asked else None
    trajectory.at_work = f"step {number}"
    compiled = compilations()
    reported = training.step(batch)
    trajectory.compilations.append(compilations() - compiled)
    after = training.moment()
    kept = jax.tree.map(lambda a, b: a.tobytes() == b.tobytes(), batch, untouched)
    trajectory.batch_kept &= all(jax.tree.leaves(kept))
    loss = np.asarray(reported) if hasattr(reported, "dtype") else reported
    number_like = isinstance(loss, int | float) or getattr(loss, "shape", None) == ()
    step = Step(before, after, frozen, number, float(loss) if number_like else None)
    step.targets = getattr(untouched, "y", None)
    if prediction is not None:
        step.prediction, step.sensitivity = prediction.value, prediction.sensitivity
        step.noisy = before.model_state is not None or noisy(before.rest)
        step.half_precision = half_precision(
            training.trainer, training.traceable(), batch.x, before.params
        )
    trajectory.steps.append(step)
    return after


def reweigh(training: Training, problem: TrainingProblem, frozen: frozenset[Path]) -> None:
    """Put the weights that the problem asks for in place of the initialised ones."""

    def weigh(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        if not hasattr(leaf, "dtype") or leaf.dtype.kind not in "fV":
            return leaf
        drawn = problem.reweighted(path_text(path), np.asarray(leaf), path in frozen)
        placed = getattr(leaf, "committed", False)  # where the program put it, or JAX by default
        return jax.device_put(drawn, leaf.sharding) if placed else jax.numpy.asarray(drawn)

    training.set_params(jax.tree_util.tree_map_with_path(weigh, training.params()))
