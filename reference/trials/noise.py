"""Tells whether the loss of a step depends on random numbers, which `predict` cannot repeat."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import jax
from jax.interpreters import partial_eval

from ..optimizers.recording import recording
from ..problems.training_problem import TrainingProblem
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from ..subjects.user_errors import let_through

#: Of each trainer and shape of its batches, whether its loss depends on random numbers.
_DRAWS: WeakKeyDictionary[Trainer, dict[str, bool]] = WeakKeyDictionary()


def loss_draws(subject: TrainerSource, problem: TrainingProblem) -> bool:
    """Tell whether the loss of a step depends on random numbers that the step draws itself, such as
    by a key that is made of the number of the step; not where it cannot be traced.

    The step runs once more for it, so that this is asked only of a loss that is not as expected.
    """
    trainer, batch = subject.trainer_for(problem), problem.batch(1)
    known = _DRAWS.setdefault(trainer, {})
    shapes = str([(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(batch)])
    if shapes not in known:
        try:
            known[shapes] = "random_bits[" in str(_loss(trainer, problem, batch))
        except BaseException as error:  # it cannot be traced, as a program in NumPy
            let_through(error)
            known[shapes] = False
    return known[shapes]


def _loss(trainer: Trainer, problem: TrainingProblem, batch: Any) -> Any:
    """Return the jaxpr of a step's loss, without what the loss does not depend on."""
    optimizer = recording(problem.optimizer.transformation)
    training = trainer.begin(problem.seed, batch, optimizer)
    state, rest = training.split()

    def loss(state: Any, batch: Any) -> Any:
        training.merge(state, rest)
        return training.step(batch)

    jaxpr = jax.make_jaxpr(loss)(state, batch).jaxpr
    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return needed
