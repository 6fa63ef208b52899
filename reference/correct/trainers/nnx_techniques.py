"""The freezing techniques in Flax NNX, each correct and written as it would be taught.

All train the same networks by the same loss; they differ in what happens between the gradients and
the next parameters. A frozen leaf is named in `optimizer.frozen` by its path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from ...problems.architecture import Architecture
from ...problems.batches import Batch
from ...pytrees.paths import Path, normalise
from ...subjects.nnx_trainer import NnxTrainer
from ..networks.nnx_network import Model, initialise
from . import techniques
from .nnx_state import Optimizer, inside, loss_and_gradients, loss_and_trainable_gradients, predict
from .reference_trainer import ReferenceTrainer
from .state_transfer import carry_over
from .techniques import Technique

Frozen = frozenset[Path]


# 1. Gradient zeroing


def zero_frozen_gradients(model: Model, optimizer: Optimizer, batch: Batch) -> Any:
    """Train by the gradients, with zeros in place of those of frozen leaves."""
    loss, gradients = loss_and_gradients(model, optimizer, batch)

    def zero_if_frozen(path: Any, gradient: Any) -> Any:
        # zeros_like, and not gradient * 0: an overflowing gradient is inf, and inf * 0 is NaN.
        return jnp.zeros_like(gradient) if normalise(path) in optimizer.frozen else gradient

    optimizer.update(model, jax.tree_util.tree_map_with_path(zero_if_frozen, gradients))
    return loss


# 2. Stop gradient


def stop_frozen_gradients(model: Model, optimizer: Optimizer, batch: Batch) -> Any:
    """Train by the gradients of a loss for which frozen leaves are constants."""
    loss, gradients = loss_and_gradients(model, optimizer, batch, stopped=optimizer.frozen)
    optimizer.update(model, gradients)
    return loss


# 3. and 4. An optimizer that freezes, and a step that does not know of it


def train(model: Model, optimizer: Optimizer, batch: Batch) -> Any:
    """Train by all gradients."""
    loss, gradients = loss_and_gradients(model, optimizer, batch)
    optimizer.update(model, gradients)
    return loss


def labelled(optimizer: Any, frozen: Frozen) -> Any:
    """Return the optimizer for trainable leaves, and one that does nothing for frozen ones."""

    def labels(params: Any) -> Any:
        return jax.tree.map(lambda f: "frozen" if f else "trainable", mask(params, frozen))

    return optax.multi_transform({"trainable": optimizer, "frozen": optax.set_to_zero()}, labels)


def frozen_behind(optimizer: Any, frozen: Frozen) -> Any:
    """Return the optimizer in a chain that then sets the updates of frozen leaves to zero."""
    return optax.chain(optimizer, optax.freeze(lambda params: mask(params, frozen)))


def mask(params: Any, frozen: Frozen) -> Any:
    """Return bools like the parameters, True for frozen leaves."""
    # Bools in place of variables, and not inside them: `nnx.Optimizer` shows the optimizer a state
    # of variables at first, and a state of arrays in every update.
    return jax.tree_util.tree_map_with_path(
        lambda path, _: normalise(path) in frozen,
        params,
        is_leaf=lambda node: isinstance(node, nnx.Variable),
    )


# 5. Trainable subset


def train_trainable_part(model: Model, optimizer: Optimizer, batch: Batch) -> Any:
    """Train the trainable leaves; the optimizer is given no others."""
    loss, gradients = loss_and_trainable_gradients(model, optimizer, batch)
    optimizer.update(model, gradients)
    return loss


def trainable_part(frozen: Frozen) -> Any:
    """Return the filter of parameters that are not frozen."""
    return nnx.All(nnx.Param, nnx.Not(inside(frozen)))


# 6. Restore after update


def train_and_restore(model: Model, optimizer: Optimizer, batch: Batch) -> Any:
    """Train everything, then put back the frozen leaves."""
    # Mapped, because the state holds the model's own variables, which the update is about to set.
    frozen = jax.tree.map(lambda leaf: leaf, nnx.state(model, inside(optimizer.frozen)))
    loss = train(model, optimizer, batch)
    nnx.update(model, frozen)
    return loss


# What a technique consists of


def _unchanged(optimizer: Any, frozen: Frozen) -> Any:
    del frozen
    return optimizer


def _every_parameter(frozen: Frozen) -> Any:
    del frozen
    return nnx.Param


@final
@dataclass(frozen=True)
class NnxTechnique:
    """A step, the optimizer that it trains with, and the filter of the parameters that it sees."""

    train_step: Callable[[Model, Optimizer, Batch], Any]
    optimizer: Callable[[Any, Frozen], Any] = _unchanged
    wrt: Callable[[Frozen], Any] = _every_parameter

    def __call__(self, architecture: Architecture, frozen: Frozen, compiled: bool) -> NnxTrainer:
        """Return the trainer that freezes these leaves of an architecture."""

        def create(seed: int, batch: Batch, optimizer: Any) -> tuple[Model, Optimizer]:
            model = initialise(architecture, batch.x.shape[1], seed)
            return model, self.freeze(model, optimizer, frozen, compiled)

        def refreeze(
            model: Model, old: Optimizer, frozen: tuple[str, ...]
        ) -> tuple[Model, Optimizer]:
            chosen = architecture.select(frozen)
            optimizer = self.freeze(model, old.plain, chosen, compiled)
            fresh, known = nnx.state(optimizer), nnx.state(old)
            newly_frozen = chosen - old.frozen
            nnx.update(optimizer, carry_over(fresh, known, architecture.leaves, newly_frozen))
            return model, optimizer

        return NnxTrainer(
            create,
            self.train_step,
            frozen=tuple(sorted(frozen)),
            predict=predict,
            loss="mse",
            refreeze=refreeze,
        )

    def freeze(self, model: Model, plain: Any, frozen: Frozen, compiled: bool) -> Optimizer:
        """Return an optimizer that starts afresh, for a model in which these leaves are frozen."""
        model.stand_still(model.architecture.standing_still(frozen))
        return Optimizer(
            model,
            self.optimizer(plain, frozen),
            wrt=self.wrt(frozen),
            frozen=frozen,
            plain=plain,
            compiled=compiled,
        )


def _reference(
    technique: Technique, train_step: Callable[..., Any], **parts: Any
) -> ReferenceTrainer:
    return ReferenceTrainer(technique, "nnx", NnxTechnique(train_step, **parts))


gradient_zeroing = _reference(techniques.gradient_zeroing, zero_frozen_gradients)
stop_gradient = _reference(techniques.stop_gradient, stop_frozen_gradients)
multi_transform = _reference(techniques.multi_transform, train, optimizer=labelled)
freeze_in_chain = _reference(techniques.freeze_in_chain, train, optimizer=frozen_behind)
trainable_subset = _reference(techniques.trainable_subset, train_trainable_part, wrt=trainable_part)
restore_after_update = _reference(techniques.restore_after_update, train_and_restore)
TRAINERS = (
    gradient_zeroing,
    stop_gradient,
    multi_transform,
    freeze_in_chain,
    trainable_subset,
    restore_after_update,
)
