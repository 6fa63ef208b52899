"""Trainings of one structure share one compiled step.

Where `create` makes its optimizer, or a model's function, anew, each state has other static parts,
and JAX compiles the step for each: 100 ms and more where the step itself takes one. Static parts
that are made of the same (see `static_parts`) do the same, so the arrays of a later state are put
among those of the first.

Numbers of an optimizer that is handed over are arrays of its state, so that all of its form make
one structure (see `lifted`).

That is not the program as it is. So it is done in drawn problems alone, not in all of them, and
whatever it seems to show counts only once the program has shown it by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet
from zlib import crc32

import jax

from ..optimizers.declared import MANY
from ..optimizers.lifted import carries
from ..optimizers.state_looks import is_looker
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..pytrees.static_parts import Fingerprint, fingerprint
from ..subjects.linen_trainer import LinenTrainer
from ..subjects.training import Training

#: One problem in so many runs as it is, whatever was run before it.
_UNTOUCHED = 10
#: Under a promise of many optimizers: with one in so many of those, on batches of one size, half of
#: the problems run as they are; and of all problems one in so many.
_FEW, _HALF, _ANY = 6, 2, 50
#: Structures that are remembered of a trainer: each holds a program.
_MOST = 512


class NotShareable(Exception):
    """A training does not bear it: it has to be run as it is."""


#: Trainers in whose states the numbers of a lifted optimizer were not found, or others were.
_UNLIFTED: WeakSet[Any] = WeakSet()


def bears_lifting(trainer: Any) -> bool:
    """Tell whether a trainer may be handed an optimizer with its numbers in its state."""
    return trainer not in _UNLIFTED and not is_looker(trainer.train_step)


def require_lifted(trainer: Any, state: Mapping[Path, Any], optimizer: Any) -> None:
    """Require a state to carry the numbers of an optimizer; else never lift one again."""
    if not carries(state, optimizer):
        _UNLIFTED.add(trainer)
        raise NotShareable


class _First(NamedTuple):
    """The first static value of its kind, and what it was made of when it was remembered."""

    value: Any
    made_of: Fingerprint


_known: WeakKeyDictionary[Any, dict[Any, _First]] = WeakKeyDictionary()


def may_share(trainer: Any, problem: TrainingProblem) -> bool:
    """Tell whether a trainer may run a problem with another training's program.

    One in ten may not. The problem itself says which, so that it is the same in every run; by a
    checksum, since small numbers are drawn more often than others. Under a promise of many
    optimizers most of them are of a few: those share a program by themselves, if the program is
    the same for each training, and otherwise each would be compiled.
    """
    if problem.anew or problem.eager:
        return False
    compiled = f"{problem.rows} {problem.optimizer}"
    drawn = f"{problem.seed} {problem.fill} {compiled}"
    if trainer.optimizers not in MANY:
        return not _falls_to(_UNTOUCHED, drawn)
    one_of_few = _falls_to(_FEW, compiled) and _falls_to(_HALF, drawn)
    return not (one_of_few or _falls_to(_ANY, drawn))


def _falls_to(one_in: int, text: str) -> bool:
    return crc32(text.encode()) % one_in == 0


def share_program(training: Training) -> bool:
    """Put a training's arrays among the static parts of an earlier one that are made of the same.

    Returns whether any took the place of others: not in the first training of its structure.
    """
    first = _known.setdefault(training.trainer, {})
    if len(first) > _MOST:
        first.clear()
    shared = False

    def known(value: Any) -> Any:
        nonlocal shared
        made_of = fingerprint(value)
        earlier = first.get(made_of.parts)
        # A training may have changed it since: a counter in a closure.
        if earlier is None or fingerprint(earlier.value).parts != made_of.parts:
            first[made_of.parts] = _First(value, made_of)
            return value
        shared = shared or not _same(earlier.value, value)
        return earlier.value

    training.replace_static(known)
    return shared


#: Of trainers that predict from a state: the function, compiled; as it is where it cannot be.
_predictions: WeakKeyDictionary[Any, Callable[[Any, Any], Any]] = WeakKeyDictionary()


def compiled_prediction(trainer: Any) -> Callable[[Any, Any], Any] | None:
    """Return `predict(state, x)` of a Linen trainer, compiled once for all states of a structure.

    Most predict operation by operation, which takes longer than a whole compiled step; a compiled
    prediction rounds otherwise, as that of a compiled step does. None for other trainers.
    """
    if not isinstance(trainer, LinenTrainer) or trainer.predict is None:
        return None
    plain = trainer.predict
    if trainer not in _predictions:
        _predictions[trainer] = jax.jit(plain)

    def predict(state: Any, x: Any) -> Any:
        try:
            return _predictions[trainer](state, x)
        except Exception:  # a program in NumPy, or a state that holds no arrays alone
            _predictions[trainer] = plain
            return plain(state, x)

    return predict


def forget_structures() -> None:
    """Forget all static parts, and let go of the programs that they hold."""
    _known.clear()
    _predictions.clear()


def _same(one: Any, other: Any) -> bool:
    """Tell whether JAX takes two static values for one by itself."""
    try:
        return bool(one is other or (one == other and hash(one) == hash(other)))
    except Exception:  # of a class that compares its arrays
        return False
