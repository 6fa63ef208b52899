"""Checkpoints: a training's state, saved through Orbax and restored into one that starts anew."""

from __future__ import annotations

import tempfile
import warnings

import jax

from ..subjects.training import Training


class NotCheckpointable(Exception):
    """Orbax cannot save the state of a training, or cannot restore it into a new one."""


def through_orbax(training: Training, fresh: Training) -> None:
    """Save the state of a training to disk, and restore it into one that has just begun.

    Both must have begun alike: a checkpoint does not hold static parts of the state (a model's
    functions, the optimizer), and those of the new state are used.

    Raises `NotCheckpointable`.
    """
    import orbax.checkpoint as ocp  # takes a second, and no other law needs it

    if not training.carries_all():
        raise NotCheckpointable("part of the state is in an object that Orbax does not see")
    state, target = training.everything(), fresh.everything()
    leaves = jax.tree.leaves(state)
    if len(leaves) != len(jax.tree.leaves(target)):
        raise NotCheckpointable("the state of a new training has another structure")
    try:
        # With the leaves that were saved: a `TrainState` starts with a Python 0 for its step, of
        # which the first compiled one makes an array, and Orbax restores the type of the target.
        target = jax.tree.unflatten(jax.tree.structure(target), leaves)
        with (
            warnings.catch_warnings(action="ignore"),
            tempfile.TemporaryDirectory() as folder,
            ocp.StandardCheckpointer() as checkpointer,
        ):
            checkpointer.save(f"{folder}/state", state)
            checkpointer.wait_until_finished()
            restored = checkpointer.restore(f"{folder}/state", target)
    except Exception as error:
        raise NotCheckpointable(f"Orbax cannot save the state: {type(error).__name__}") from error
    fresh.set_everything(restored)
