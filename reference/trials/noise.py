"""Tells whether the loss of a step depends on random numbers, which `predict` cannot repeat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from jax.extend.core.primitives import random_bits_p

from ..optimizers.recording import recording
from ..optimizers.retracing import retraced
from ..problems.training_problem import TrainingProblem
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from ..subjects.user_errors import let_through

#: Of each trainer that was tried, whether its loss is noisy.
_NOISY: WeakKeyDictionary[Trainer, bool] = WeakKeyDictionary()
#: So many trainings are begun: in one of them a relu may be dead through which the noise goes.
_SEEDS = 8


def is_loss_noisy(subject: TrainerSource, problem: TrainingProblem) -> bool:
    """Tell whether other random numbers of `jax.random` change the loss of a first step.

    The rate is zero, so that noise in the gradients does not reach a loss that is computed after
    the update. Random numbers of NumPy are not seen. Steps are run anew for it, so that this is
    asked only of a loss that is not as expected, and once of a trainer.
    """
    trainer = subject.trainer_for(problem)
    if trainer not in _NOISY:
        still = replace(problem, optimizer=problem.optimizer.at_rate(0.0), numbers="ordinary")
        _NOISY[trainer] = any(_changes(trainer, replace(still, seed=n)) for n in range(_SEEDS))
    return _NOISY[trainer]


def _changes(trainer: Trainer, problem: TrainingProblem) -> bool:
    try:
        plain = _first_loss(trainer, problem, nullcontext())
        other = _first_loss(trainer, problem, _drawing_others(f"{id(trainer)}"))
    except BaseException as error:  # whatever the program raises: nothing is known
        let_through(error)
        return False
    # What does not reach the loss leaves the part of the program alone that computes it.
    return bool(np.isfinite([plain, other]).all()) and plain != other


def _first_loss(
    trainer: Trainer, problem: TrainingProblem, around: AbstractContextManager[None]
) -> float:
    """Return the loss of a first step that is done in a context; raises what the program raises."""
    optimizer = recording(problem.optimizer.transformation)
    training = trainer.begin(problem.seed, problem.batch(1), optimizer)
    with around:
        return float(np.asarray(training.step(problem.batch(1))).reshape(()))


@contextmanager
def _drawing_others(tag: str) -> Iterator[None]:
    """Invert all random bits that are drawn in the block.

    Compiled functions are traced anew under the tag: what they draw is made while they are traced.
    """
    draw = random_bits_p.bind

    def inverted(*arguments: Any, **named: Any) -> Any:
        return ~draw(*arguments, **named)

    random_bits_p.bind = inverted  # type: ignore[method-assign]
    try:
        with retraced(frostproof_noise=tag):
            yield
    finally:
        del random_bits_p.bind  # the one of its class is there again
