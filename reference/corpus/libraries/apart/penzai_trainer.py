"""Penzai: `StatefulTrainer`, which leaves out what is marked as not trainable.

https://penzai.readthedocs.io/en/stable/api/penzai.toolshed.basic_training.html
"""

import jax
import jax.numpy as jnp
from penzai import pz
from penzai.models import simple_mlp
from penzai.toolshed.basic_training import StatefulTrainer

from frostproof import LinenTrainer


def loss(*, model, state, rng, x, y):
    """Return the mean squared error, as a loss function of Penzai has it."""
    del rng
    value = jnp.mean((model(x).unwrap("rows", "features") - y) ** 2)
    return value, state, value


def model_of(seed, batch):
    """Return two layers."""
    sizes = [batch.x.shape[1], 4, 1]
    return simple_mlp.MLP.from_config(
        name="mlp", init_base_rng=jax.random.key(seed), feature_sizes=sizes
    )


def marked(seed, batch, optimizer):
    """Return a trainer of a model whose first layer is marked as not trainable."""
    model = model_of(seed, batch)
    for parameter in pz.unbind_params(model)[1]:
        if parameter.label.startswith("mlp/Affine_0"):
            parameter.metadata["trainable"] = False
    return StatefulTrainer.build(jax.random.key(seed), model, optimizer, loss)


def constant(seed, batch, optimizer):
    """Return a trainer of a model whose first layer is a constant, and no longer a variable."""
    model = model_of(seed, batch)
    layers = pz.select(model).at_instances_of(pz.nn.Affine)
    model = layers.pick_nth_selected(0).apply(pz.freeze_params)
    return StatefulTrainer.build(jax.random.key(seed), model, optimizer, loss)


def train_step(trainer, batch):
    """Train in place."""
    x = pz.nx.wrap(jnp.asarray(batch.x), "rows", "features")
    return trainer, trainer.step(x=x, y=jnp.asarray(batch.y))


def params(trainer):
    """Return all parameters by their labels, frozen ones included."""
    leaves = pz.select(pz.freeze_params(trainer.model)).at_instances_of(pz.ParameterValue)
    return {leaf.label: leaf.value.data_array for leaf in leaves.get_sequence()}


def is_frozen(path):
    """Tell by the label, the only part of a path here; it has its own slashes."""
    return path[0].startswith("mlp/Affine_0")


as_documented = LinenTrainer(marked, train_step, is_frozen, params=params)
as_constants = LinenTrainer(constant, train_step, is_frozen, params=params)
