"""alphagenome-ft: its LoRA recipe, and its optimizer for heads only.

The recipe stands in the docstring of `alphagenome_ft.lora`, the optimizer in the README and in
https://github.com/genomicsxai/alphagenome_ft/blob/main/docs/heads_only_optimizer.md
"""

import flax
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
from hypothesis import strategies as st

from frostproof import LinenTrainer, OptaxFreeze
from frostproof.reference.optimizers.optimizer import optimizer

from .alphagenome_submodules import lora, optimizer_utils, parameter_utils

# LoRA: a layer of the backbone is adapted, and a head is trained.


def network(x):
    """Name the layers as AlphaGenome does, so that the library's functions find them."""
    with hk.name_scope("transformer_tower"):
        hidden = lora.LoRALinear(4, lora.LoRAConfig(rank=2), name="linear")(x)
    with hk.name_scope("head"):
        return hk.Linear(1, name="output")(hidden)


forward = hk.without_apply_rng(hk.transform(network))


class State(flax.struct.PyTreeNode):
    """Parameters and the optimizer."""

    params: object
    opt_state: object
    tx: object = flax.struct.field(pytree_node=False)


def frozen_by_value(seed, batch, optimizer):
    """Freeze as the recipe says it: the parameters go through `freeze_except_lora`."""
    params = parameter_utils.freeze_except_lora(forward.init(jax.random.key(seed), batch.x))
    return State(params, optimizer.init(params), optimizer)


def frozen_by_label(seed, batch, optimizer):
    """Freeze in the optimizer, by the library's own list of adapters."""
    params = forward.init(jax.random.key(seed), batch.x)
    adapters = set(lora.get_lora_parameter_paths(params))

    def label(path, leaf):
        del leaf
        name = optimizer_utils.parameter_path_to_str(path)
        return "train" if name in adapters or name.startswith("head/") else "freeze"

    tx = optax.multi_transform(
        {"train": optimizer, "freeze": optax.set_to_zero()},
        jax.tree_util.tree_map_with_path(label, params),
    )
    return State(params, tx.init(params), tx)


@jax.jit
def train_step(state, batch):
    """Train by all gradients."""
    loss, grads = jax.value_and_grad(
        lambda params: jnp.mean((forward.apply(params, batch.x) - batch.y) ** 2)
    )(state.params)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(params=params, opt_state=opt_state), loss


def is_original(path):
    """Tell the weight under the adapter."""
    return path[-2:] == ("transformer_tower/linear", "w")


lora_recipe = LinenTrainer(frozen_by_value, train_step, is_original)
lora_by_label = LinenTrainer(frozen_by_label, train_step, is_original)

# The optimizer for heads: it is made of names, to which a tree of any form is brought.

RATE, DECAY, NORM = 0.1, 1e-4, 1.0


def as_named(tree, mask):
    """Return the leaves by names that the library takes for a backbone and for a head."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(mask), strict=True)
    named = {"alphagenome/sequence_encoder": {}, "alphagenome/head/new/linear": {}}
    for number, (leaf, frozen) in enumerate(pairs):
        layer = "alphagenome/sequence_encoder" if frozen else "alphagenome/head/new/linear"
        named[layer][str(number)] = leaf
    return named


def as_drawn(named, tree):
    """Return the leaves in the form of the tree that they came from."""
    numbered = {int(number): leaf for layer in named.values() for number, leaf in layer.items()}
    return jax.tree.unflatten(jax.tree.structure(tree), [numbered[i] for i in sorted(numbered)])


def heads_only(norm):
    """Return a wrapper that is the library's optimizer; it takes hyperparameters, no optimizer."""

    def freeze(given, mask):
        del given
        if all(jax.tree.leaves(mask)):
            return optax.set_to_zero()  # the library raises without a head
        tx = optimizer_utils.create_optimizer(
            as_named(jax.tree.map(lambda _: np.zeros(()), mask), mask),
            trainable_head_names=("new",),
            learning_rate=RATE,
            weight_decay=DECAY,
            heads_only=True,
            gradient_clip_global_norm=norm,
        )

        def update(updates, state, params=None):
            named = None if params is None else as_named(params, mask)
            answer, state = tx.update(as_named(updates, mask), state, named)
            return as_drawn(answer, updates), state

        return optax.GradientTransformation(lambda params: tx.init(as_named(params, mask)), update)

    return freeze


# What the library builds, as the catalogue of optimizers has it.
_adamw = optimizer("adamw", learning_rate=RATE, weight_decay=DECAY)
_clipped = optimizer("clip_by_global_norm", _adamw, max_norm=NORM)
heads = OptaxFreeze(heads_only(None), optimizers=st.just(_adamw))
heads_clipped = OptaxFreeze(heads_only(NORM), optimizers=st.just(_clipped))


def clipped_inside(given, mask):
    """Clip within the partition: the head's gradients alone."""
    labels = jax.tree.map(lambda frozen: "freeze" if frozen else "train", mask)
    return optax.multi_transform({"train": given, "freeze": optax.set_to_zero()}, labels)


heads_clipped_inside = OptaxFreeze(clipped_inside, optimizers=st.just(_clipped))
