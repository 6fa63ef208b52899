"""Tries the functions that a trainer declares beside its training, before any law needs them.

One that raises on what `create` returned would raise in each example: it cannot be judged by, and
laws that were not run for it would say of no leaf that it keeps its values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..pytrees.paths import Path, path_text
from ..subjects.signatures import UnusableSubject
from ..subjects.trainer import Trainer
from ..subjects.training import Training
from ..subjects.user_errors import error_text, let_through, own_line

_CREATED = "what `create` returned"


def require_views(trainer: Trainer, training: Training) -> None:
    """Look at a new training by `params`, `opt_state` and `model_state`, as far as they are given.

    Raises `UnusableSubject` for one that raises.
    """
    for name in ("params", "opt_state", "model_state"):
        if getattr(trainer, name) is not None:
            _tried(name, f"on {_CREATED}", getattr(training, name))


def prediction_of(trainer: Trainer, training: Training, batch: Any) -> Any:
    """Predict on a batch, as a pytree of arrays.

    Raises `UnusableSubject` for a `predict` that raises.
    """
    x = jax.tree.map(np.copy, batch.x)
    return _tried("predict", f"on {_CREATED} and {_form(x)}", lambda: training.predict(x))


def require_loss(trainer: Trainer, prediction: Any, batch: Any) -> None:
    """Evaluate a `loss` of the user's own on a prediction.

    Raises `UnusableSubject` for one that raises.
    """
    if not callable(trainer.loss) or prediction is None:
        return
    asked = trainer.loss
    predicted = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), prediction)
    _tried("loss", f"on {_form(predicted)} and {_form(batch.y)}", lambda: asked(predicted, batch.y))


def require_refreezing(trainer: Trainer, training: Training, frozen: frozenset[Path]) -> None:
    """Freeze once more what a training freezes; it is of no further use.

    Raises `UnusableSubject` for a `refreeze` that raises.
    """
    if trainer.refreeze is not None and frozen:  # a program may refuse to freeze nothing
        names = tuple(sorted(map(path_text, frozen)))
        _tried("refreeze", f"on {_CREATED} and {names}", lambda: training.refreeze(names))


def _tried(name: str, given: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BaseException as error:
        let_through(error)
        if isinstance(error, UnusableSubject):
            raise
        place = own_line(error)
        raise UnusableSubject(
            f"`{name}` raised {error_text(error)}{f' ({place})' if place else ''}, {given}: mend "
            "it, or leave it out"
        ) from None


def _form(tree: Any) -> str:
    """Name dtypes and shapes of the leaves of a pytree, such as float32[2, 3]."""
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
