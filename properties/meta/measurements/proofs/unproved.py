"""Programs that no proof may be found of, each with the place that lost what should be kept."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from frostproof import OptaxFreeze
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    stepping,
    trainer,
    within,
    zeroing,
)
from frostproof.reference.corpus.specimens.trainers import linen_models
from frostproof.reference.correct import wrappers
from frostproof.reference.optimizers.optax_releases import too_new

_MOVING = {
    "adamw": "optax/transforms/_adding.py",
    "adamaxw": "optax/transforms/_adding.py",
    "nadamw": "optax/transforms/_adding.py",
    "lion": "optax/transforms/_adding.py",
    "lamb_decayed": "optax/transforms/_adding.py",
    "yogi": "optax/",
    "fromage": "optax/transforms/_adding.py",
    "madgrad": "optax/contrib/_madgrad.py",
    "schedule_free_sgd": "optax/contrib/_schedule_free.py",
    "schedule_free_adamw": "optax/",
    "noisy_sgd": "optax/",
}
#: Optimizers that move a leaf whose gradient is zero, and the file of Optax in which they do.
MOVING = {name: file for name, file in _MOVING.items() if not too_new(name)}


@dataclass(frozen=True)
class Unproved:
    """A program, a law that it breaks under an optimizer, and what is told of the reason."""

    subject: Any
    under: str
    law: str
    told: str


def _masked_alone(optimizer: Any, mask: Any) -> Any:
    return optax.masked(optimizer, jax.tree.map(lambda frozen: not frozen, mask))


def _clipped_outside(optimizer: Any, mask: Any) -> Any:
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
    parts = optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)
    return optax.chain(optax.clip_by_global_norm(1.0), parts)


def _averaged(old: Any, new: Any) -> Any:
    rate = jnp.bfloat16(0.01)
    return new.replace(params=optax.incremental_update(new.params, old.params, rate))


def _average_in_bfloat16() -> Any:
    layers = Layers(param_dtype=jnp.bfloat16)
    step = stepping(gradients=zeroing(within(BODY)), after=_averaged)
    return trainer(create=creating(layers), step=step)


PROGRAMS = {
    "chain(freeze, adamw)": Unproved(
        wrappers.freeze_before_optimizer, "adamw", "frozen-value", "is moved by its own value"
    ),
    "masked alone": Unproved(
        OptaxFreeze(_masked_alone), "sgd", "frozen-value", "is moved by its own gradient"
    ),
    "gradient × mask": Unproved(
        linen_models.gradient_times_mask, "sgd", "frozen-under-overflow", "0 · x is NaN"
    ),
    "clipping outside the partition": Unproved(
        OptaxFreeze(_clipped_outside),
        "sgd",
        "frozen-gradients-do-not-leak",
        "depends on the gradient of",
    ),
    "an average in bfloat16": Unproved(
        _average_in_bfloat16(), "sgd", "frozen-value", "is computed with, and rounds"
    ),
}
