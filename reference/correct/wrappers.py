"""The freezing techniques that need nothing but Optax: an optimizer and a mask, True = frozen.

Each is the optimizer of a reference trainer without its model, and promises the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

from ..subjects.optax_wrapper import OptaxFreeze
from .trainers import techniques as freezing_techniques
from .trainers.techniques import Technique


def _by(technique: Technique) -> Callable[[Callable[[Any, Any], Any]], OptaxFreeze]:
    """Make a subject of a function: it freezes by this technique, and promises what that keeps."""
    return lambda fn: OptaxFreeze(fn, optimizers=technique.optimizers, promise=technique.promise)


@_by(freezing_techniques.multi_transform)
def partition_with_set_to_zero(optimizer: Any, mask: Any) -> Any:
    """Label every leaf, and set the updates under the label of frozen ones to zero."""
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trainable", mask)
    return optax.partition({"trainable": optimizer, "frozen": optax.set_to_zero()}, labels)


@_by(freezing_techniques.multi_transform)
def selective_transform(optimizer: Any, mask: Any) -> Any:
    """Leave the labels to Optax."""
    return optax.selective_transform(optimizer, freeze_mask=mask)


@_by(freezing_techniques.freeze_in_chain)
def freeze_after_optimizer(optimizer: Any, mask: Any) -> Any:
    """Set the updates of frozen leaves to zero, after the optimizer made them."""
    return optax.chain(optimizer, optax.freeze(mask))


@_by(freezing_techniques.gradient_zeroing)
def freeze_before_optimizer(optimizer: Any, mask: Any) -> Any:
    """Set the gradients of frozen leaves to zero, before the optimizer sees them."""
    return optax.chain(optax.freeze(mask), optimizer)


WRAPPERS = (
    partition_with_set_to_zero,
    selective_transform,
    freeze_after_optimizer,
    freeze_before_optimizer,
)
