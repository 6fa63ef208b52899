"""Checkpoints: a training's state, saved by the program's own functions, or else through Orbax, and
restored into a training that starts anew.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection
from typing import Any

import jax

from ..pytrees.paths import Path, flatten
from ..subjects.training import Training


class NotCheckpointable(Exception):
    """Orbax cannot save the state of a training."""


class DoesNotFit(Exception):
    """A saved state has other leaves than that of a training which has just begun."""

    def __init__(self, saved: Collection[Path], begun: Collection[Path]):
        """Keep the leaves that only one of the two states has."""
        super().__init__(saved, begun)
        self.missing = sorted(set(begun).difference(saved))
        self.added = sorted(set(saved).difference(begun))


#: NNX variables that a forward pass makes, and that no checkpoint has to hold.
TRANSIENT = frozenset({"Intermediate", "Cache", "Perturbation"})


class CheckpointRaised(Exception):
    """A program's own `save` or `load` raises; what, is the cause."""


def through_checkpoint(training: Training, fresh: Training) -> None:
    """Save the state of a training to disk, and restore it into one that has just begun alike.

    Raises `CheckpointRaised` where the program does it and raises, and else as `_through_orbax`.
    """
    if training.trainer.save is None:
        return _through_orbax(training, fresh)
    with tempfile.TemporaryDirectory() as folder:
        for name, act in (("save", training.write), ("load", fresh.read)):
            try:
                act(folder)
            except Exception as error:
                raise CheckpointRaised(f"`{name}`") from error
    return None


def _through_orbax(training: Training, fresh: Training) -> None:
    """Save the state of a training to disk, and restore it into one that has just begun.

    Both must have begun alike: a checkpoint does not hold static parts of the state (a model's
    functions, the optimizer), and those of the new state are used.

    Raises `NotCheckpointable`, and `DoesNotFit` where the new state has other leaves.
    """
    import orbax.checkpoint as ocp  # takes a second, and no other law needs it

    if not training.carries_all():
        raise NotCheckpointable("part of the state is in an object that Orbax does not see")
    state, begun = training.everything(), fresh.everything()
    _require_same_leaves(state, begun)
    try:
        leaves, own = jax.tree.leaves(state), jax.tree.leaves(begun)
        static = list(map(_is_static, leaves, own))
        saved = [None if left_out else leaf for leaf, left_out in zip(leaves, static, strict=True)]
        # With the leaves that were saved: a `TrainState` starts with a Python 0 for its step, of
        # which the first compiled one makes an array, and Orbax restores the type of the target.
        state, target = (
            jax.tree.unflatten(jax.tree.structure(each), saved) for each in (state, begun)
        )
        with (
            warnings.catch_warnings(action="ignore"),
            tempfile.TemporaryDirectory() as folder,
            # Not `StandardCheckpointer`, which saves in a thread: where a leaf cannot be saved, the
            # thread of Orbax 0.12 outlives it, and logs a traceback.
            ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer,
        ):
            checkpointer.save(f"{folder}/state", state)
            restored = checkpointer.restore(f"{folder}/state", target)
    except Exception as error:
        raise NotCheckpointable(f"Orbax cannot save the state: {type(error).__name__}") from error
    values = iter(jax.tree.leaves(restored))
    held = [leaf if left_out else next(values) for leaf, left_out in zip(own, static, strict=True)]
    fresh.set_everything(jax.tree.unflatten(jax.tree.structure(begun), held))


def _is_static(leaf: Any, own: Any) -> bool:
    """Tell whether a leaf is left out of a checkpoint, as static parts are: a function, or a text
    that a new training begins with, too. Equinox keeps activations and names of axes as leaves. An
    NNX variable can be called, and is an array.
    """
    if isinstance(leaf, str):
        return bool(leaf == own)
    return callable(leaf) and not hasattr(leaf, "dtype")


def _require_same_leaves(state: Any, target: Any) -> None:
    """Raise `DoesNotFit` unless both states have the same leaves, by their paths."""
    saved, begun = _paths(state), _paths(target)
    if saved is not None and begun is not None:
        if saved.keys() == begun.keys():
            return
        kinds = saved | begun
        if all(kinds[path] in TRANSIENT for path in saved.keys() ^ begun.keys()):
            raise NotCheckpointable("what a forward pass leaves behind is part of the state")
        raise DoesNotFit(saved, begun)
    if len(jax.tree.leaves(state)) != len(jax.tree.leaves(target)):
        raise NotCheckpointable("the state of a new training has another structure")


def _paths(tree: Any) -> dict[Path, str | None] | None:
    """Return the paths of a tree's leaves with the types of their NNX variables; None where two
    leaves have the same path.
    """
    try:
        entries, _ = flatten(tree)
    except ValueError:
        return None
    return {
        each.path: None if each.variable is None else each.variable.var_type.__name__
        for each in entries
    }
