"""Flax NNX: filters of what trains, and the example that selects the wrong half.

https://flax.readthedocs.io/en/latest/guides/filters_guide.html,
https://flax.readthedocs.io/en/latest/guides/optimization_cookbook.html (LoRA) and
https://github.com/google/flax/blob/main/examples/nnx_toy_examples/09_parameter_surgery.py
"""

import jax.numpy as jnp
from flax import nnx

from frostproof import NnxTrainer


class Classifier(nnx.Module):
    """The example's classifier: a pretrained backbone and a head."""

    def __init__(self, inputs, *, rngs):
        """Make the layers, smaller ones than in the example."""
        self.backbone = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.head(nnx.relu(self.backbone(x)))


def mse(model, batch):
    """Return the mean over all rows and columns."""
    return jnp.mean((model(batch.x) - batch.y) ** 2)


def creating(wrt, make=Classifier):
    """Return a `create` whose optimizer sees what a filter selects."""

    def create(seed, batch, optimizer):
        model = make(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=wrt)

    return create


def stepping(wrt):
    """Return a step by the gradients of what a filter selects."""

    @nnx.jit
    def train_step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(mse, argnums=nnx.DiffState(0, wrt))(model, batch)
        optimizer.update(model, grads)
        return loss

    return train_step


_judged = {"predict": nnx.jit(lambda model, x: model(x)), "loss": "mse"}
_head = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("backbone")))

#: All gradients are computed, and the optimizer picks those that its filter lets through.
wrt_filter = NnxTrainer(creating(_head), stepping(nnx.Param), ("backbone",), **_judged)

#: The gradients are those of the filter, too.
diff_state = NnxTrainer(creating(_head), stepping(_head), ("backbone",), **_judged)


def _adapted(inputs, *, rngs):
    return nnx.LoRALinear(inputs, 1, lora_rank=2, rngs=rngs)


#: The cookbook's low-rank adaptation: `LoRAParam` is a subclass of `Param`, and not the reverse.
lora = NnxTrainer(
    creating(nnx.LoRAParam, _adapted), stepping(nnx.LoRAParam), ("kernel", "bias"), **_judged
)


def is_trainable(path, node):
    """Select by the example's filter, whose comment says: parameters not part of the backbone."""
    return "backbone" in path and isinstance(node, nnx.Param)


def is_trainable_as_meant(path, node):
    """Select what the comment says."""
    return "backbone" not in path and isinstance(node, nnx.Param)


parameter_surgery = NnxTrainer(
    creating(is_trainable), stepping(is_trainable), ("backbone",), **_judged
)

parameter_surgery_as_meant = NnxTrainer(
    creating(is_trainable_as_meant), stepping(is_trainable_as_meant), ("backbone",), **_judged
)
