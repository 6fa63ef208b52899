"""The freezing techniques in Flax Linen, each correct and written as it would be taught.

All train the same networks by the same loss; they differ in what happens between the gradients and
the next parameters. A frozen leaf is named in `state.frozen` by its path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from ...problems.architecture import Architecture
from ...problems.batches import Batch
from ...pytrees.paths import Path, normalise
from ...subjects.linen_trainer import LinenTrainer
from . import techniques
from .linen_state import State, begin, loss_and_gradients, predict
from .reference_trainer import ReferenceTrainer
from .state_transfer import carry_over
from .techniques import Technique

Tree = Any
Frozen = frozenset[Path]


# 1. Gradient zeroing


def zero_frozen_gradients(state: State, batch: Batch) -> tuple[State, Any]:
    """Train by the gradients, with zeros in place of those of frozen leaves."""
    state, loss, gradients = loss_and_gradients(state, batch)

    def zero_if_frozen(path: Any, gradient: Any) -> Any:
        # zeros_like, and not gradient * 0: an overflowing gradient is inf, and inf * 0 is NaN.
        return jnp.zeros_like(gradient) if normalise(path) in state.frozen else gradient

    gradients = jax.tree_util.tree_map_with_path(zero_if_frozen, gradients)
    return state.apply_gradients(grads=gradients), loss


# 2. Stop gradient


def stop_frozen_gradients(state: State, batch: Batch) -> tuple[State, Any]:
    """Train by the gradients of a loss for which frozen leaves are constants."""
    state, loss, gradients = loss_and_gradients(state, batch, stopped=state.frozen)
    return state.apply_gradients(grads=gradients), loss


# 3. and 4. An optimizer that freezes, and a step that does not know of it


def train(state: State, batch: Batch) -> tuple[State, Any]:
    """Train by all gradients."""
    state, loss, gradients = loss_and_gradients(state, batch)
    return state.apply_gradients(grads=gradients), loss


def labelled(optimizer: Any, params: Tree, frozen: Frozen) -> Any:
    """Return the optimizer for trainable leaves, and one that does nothing for frozen ones."""
    labels = jax.tree.map(lambda f: "frozen" if f else "trainable", mask(params, frozen))
    return optax.multi_transform({"trainable": optimizer, "frozen": optax.set_to_zero()}, labels)


def frozen_behind(optimizer: Any, params: Tree, frozen: Frozen) -> Any:
    """Return the optimizer in a chain that then sets the updates of frozen leaves to zero."""
    return optax.chain(optimizer, optax.freeze(mask(params, frozen)))


def mask(params: Tree, frozen: Frozen) -> Tree:
    """Return bools like the parameters, True for frozen leaves."""
    return jax.tree_util.tree_map_with_path(lambda path, _: normalise(path) in frozen, params)


# 5. Trainable subset


def train_trainable_part(state: State, batch: Batch) -> tuple[State, Any]:
    """Train the trainable leaves; the optimizer is given no others."""
    # The gradient of a part is a part of the gradient: taken of all, one compiled function serves
    # whatever is frozen.
    state, loss, gradients = loss_and_gradients(state, batch)
    trainable = trainable_part(state.params, state.frozen)
    updates, opt_state = state.tx.update(
        trainable_part(gradients, state.frozen), state.opt_state, trainable
    )
    trained = optax.apply_updates(trainable, updates)
    params = unflatten_dict(flatten_dict(state.params) | flatten_dict(trained))
    return state.replace(step=state.step + 1, params=params, opt_state=opt_state), loss


def trainable_part(tree: Tree, frozen: Frozen) -> Tree:
    """Return a tree of parameters or gradients without its frozen leaves."""
    leaves = flatten_dict(tree).items()
    return unflatten_dict({path: leaf for path, leaf in leaves if path not in frozen})


# 6. Restore after update


def train_and_restore(state: State, batch: Batch) -> tuple[State, Any]:
    """Train everything, then put back the frozen leaves."""
    trained, loss = train(state, batch)
    params = jax.tree.map(
        lambda frozen, old, new: old if frozen else new,
        mask(state.params, state.frozen),
        state.params,
        trained.params,
    )
    return trained.replace(params=params), loss


# What a technique consists of


def _unchanged(optimizer: Any, params: Tree, frozen: Frozen) -> Any:
    del params, frozen
    return optimizer


def _all_of(params: Tree, frozen: Frozen) -> Tree:
    del frozen
    return params


@final
@dataclass(frozen=True)
class LinenTechnique:
    """A step, the optimizer that it trains with, and the part of the parameters that this sees."""

    train_step: Callable[[State, Batch], tuple[State, Any]]
    optimizer: Callable[[Any, Tree, Frozen], Any] = _unchanged
    seen: Callable[[Tree, Frozen], Tree] = _all_of

    def __call__(self, architecture: Architecture, frozen: Frozen, compiled: bool) -> LinenTrainer:
        """Return the trainer that freezes these leaves of an architecture."""

        def create(seed: int, batch: Batch, optimizer: Any) -> State:
            state = begin(architecture, seed, batch, optimizer, compiled)
            return self.freeze(state, frozen)

        def refreeze(old: State, frozen: tuple[str, ...]) -> State:
            chosen = architecture.select(frozen)
            state = self.freeze(old, chosen)
            newly_frozen = chosen - old.frozen
            kept = carry_over(state.opt_state, old.opt_state, architecture.leaves, newly_frozen)
            return state.replace(opt_state=kept)

        return LinenTrainer(
            create,
            self.train_step,
            frozen=tuple(sorted(frozen)),
            predict=predict,
            loss="mse",
            refreeze=refreeze,
        )

    def freeze(self, state: State, frozen: Frozen) -> State:
        """Freeze these leaves, under an optimizer that starts afresh."""
        optimizer = self.optimizer(state.plain, state.params, frozen)
        opt_state = optimizer.init(self.seen(state.params, frozen))
        return state.replace(tx=optimizer, opt_state=opt_state, frozen=frozen)


def _reference(
    technique: Technique, train_step: Callable[..., Any], **parts: Any
) -> ReferenceTrainer:
    return ReferenceTrainer(technique, "linen", LinenTechnique(train_step, **parts))


gradient_zeroing = _reference(techniques.gradient_zeroing, zero_frozen_gradients)
stop_gradient = _reference(techniques.stop_gradient, stop_frozen_gradients)
multi_transform = _reference(techniques.multi_transform, train, optimizer=labelled)
freeze_in_chain = _reference(techniques.freeze_in_chain, train, optimizer=frozen_behind)
trainable_subset = _reference(
    techniques.trainable_subset, train_trainable_part, seen=trainable_part
)
restore_after_update = _reference(techniques.restore_after_update, train_and_restore)
TRAINERS = (
    gradient_zeroing,
    stop_gradient,
    multi_transform,
    freeze_in_chain,
    trainable_subset,
    restore_after_update,
)
