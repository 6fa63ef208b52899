"""Tells whether the loss of a step depends on random numbers, which `predict` cannot repeat."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core.primitives import random_bits_p, random_fold_in_p

from ..optimizers.recording import handed
from ..optimizers.retracing import retraced
from ..problems.training_problem import TrainingProblem
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from ..subjects.user_errors import let_through

#: Of each trainer that was tried, by the number of steps, whether its loss is noisy.
_NOISY: WeakKeyDictionary[Trainer, dict[int, bool | None]] = WeakKeyDictionary()
#: So many trainings are begun: in one of them a relu may be dead through which the noise goes.
_SEEDS = 8


def is_loss_noisy(
    subject: TrainerSource, problem: TrainingProblem, steps: int, relative: float
) -> bool | None:
    """Tell whether other random numbers of `jax.random` change the loss of one of the first steps
    by more than this part of it, which rounding may make; None where the program raises.

    The rate is zero, so that noise in the gradients does not reach a loss that is computed after
    the update. Random numbers of NumPy are not seen. Steps are run anew for it, so that this is
    asked only of a loss that is not as expected, and once of a trainer.
    """
    trainer = subject.trainer_for(problem)
    known = _NOISY.setdefault(trainer, {})
    if steps not in known:
        still = replace(problem, optimizer=problem.optimizer.at_rate(0.0), numbers="ordinary")
        asked = [replace(still, seed=seed) for seed in range(_SEEDS)]
        known[steps] = _any(_changes(trainer, each, steps, relative) for each in asked)
    return known[steps]


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Return True if one answer is, or None if none is known."""
    known = [answer for answer in answers if answer is not None]
    return any(known) if known else None


def _changes(
    trainer: Trainer, problem: TrainingProblem, steps: int, relative: float
) -> bool | None:
    try:
        plain, *others = (
            _losses(trainer, problem, steps, around, keyed=keyed)
            for around, keyed in (
                (nullcontext(), False),
                (_drawing_others(f"{id(trainer)}"), False),
                (nullcontext(), True),
            )
        )
    except BaseException as error:  # whatever the program raises: nothing is known
        let_through(error)
        return None
    bound = relative * np.maximum(np.abs(plain), 1e-30)
    return any(bool((np.abs(plain - other) > bound).any()) for other in others)


def _losses(
    trainer: Trainer,
    problem: TrainingProblem,
    steps: int,
    around: AbstractContextManager[None],
    *,
    keyed: bool,
) -> np.ndarray:
    """Return the losses of the first steps, done in a context, and with other keys in the state if
    they are to be `keyed`, which NumPy may draw by; raises what the program raises.
    """
    optimizer = handed(trainer.train_step, problem.optimizer.transformation)
    training = trainer.begin(problem.seed, problem.batch(1), optimizer)
    if keyed:
        state = training.everything()
        other = jax.tree.map(_another_key, state)
        if not all(map(operator.is_, jax.tree.leaves(state), jax.tree.leaves(other))):
            training.set_everything(other)
    with around:
        losses = [training.step(problem.batch(number + 1)) for number in range(steps)]
    return np.array([float(np.asarray(loss).reshape(())) for loss in losses])


def _another_key(leaf: Any) -> Any:
    """Return another key for a key, and any other leaf as it is."""
    dtype = getattr(leaf, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return random_fold_in_p.bind(leaf, jnp.ones(leaf.shape, jnp.uint32))
    return leaf ^ 1 if dtype == np.uint32 and leaf.shape[-1:] == (2,) else leaf


@contextmanager
def _drawing_others(tag: str) -> Iterator[None]:
    """Draw all random bits in the block from other keys, and invert them.

    Compiled functions are traced anew under the tag: what they draw is made while they are traced.
    A draw is bound again each time that JAX transforms it, as in a scan under `jax.grad`: bits that
    are inverted twice are the old ones, and a key that is folded twice is not an old one.
    """
    draw = random_bits_p.bind

    def other(keys: Any, *arguments: Any, **named: Any) -> Any:
        folded = random_fold_in_p.bind(keys, jnp.ones(keys.shape, jnp.uint32))
        return ~draw(folded, *arguments, **named)

    random_bits_p.bind = other  # type: ignore[method-assign]
    try:
        with retraced(frostproof_noise=tag):
            yield
    finally:
        del random_bits_p.bind  # the one of its class is there again
