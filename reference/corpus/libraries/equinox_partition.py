"""Equinox: a model divided by `partition`, its gradient by `filter_grad`.

https://docs.kidger.site/equinox/examples/frozen_layer/
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from frostproof import LinenTrainer, Optimizers


class State(eqx.Module):
    """A model and what its optimizer keeps."""

    params: Any
    opt_state: Any
    tx: Any = eqx.field(static=True)


def filter_of(model):
    """Return the example's `filter_spec`: False everywhere but in the last layer."""
    filter_spec = jax.tree.map(lambda _: False, model)
    return eqx.tree_at(
        lambda tree: (tree.layers[-1].weight, tree.layers[-1].bias),
        filter_spec,
        replace=(True, True),
    )


def creating(seen):
    """Return a `create` whose optimizer starts from what `seen` makes of the model."""

    def create(seed, batch, optimizer):
        model = eqx.nn.MLP(
            in_size=batch.x.shape[1], out_size=1, width_size=4, depth=1, key=jax.random.key(seed)
        )
        return State(model, optimizer.init(seen(model)), optimizer)

    return create


def stepping(shown, filter_of=filter_of):
    """Return the example's step; the optimizer is shown what `shown` makes of the model."""

    @eqx.filter_jit
    def make_step(state, batch):
        @eqx.filter_value_and_grad
        def loss(diff_model, static_model):
            model = eqx.combine(diff_model, static_model)
            return jnp.mean((jax.vmap(model)(batch.x) - batch.y) ** 2)

        diff_model, static_model = eqx.partition(state.params, filter_of(state.params))
        value, grads = loss(diff_model, static_model)
        updates, opt_state = state.tx.update(grads, state.opt_state, shown(state.params))
        return State(eqx.apply_updates(state.params, updates), opt_state, state.tx), value

    return make_step


@eqx.filter_jit
def predict(state, x):
    """Predict each row."""
    return jax.vmap(state.params)(x)


def with_params(state, params):
    """Put other parameters in place."""
    return State(params, state.opt_state, state.tx)


def arrays(model):
    """Return what the other examples show an optimizer: all arrays."""
    return eqx.filter(model, eqx.is_inexact_array)


def trainable(model):
    """Return the half that trains."""
    return eqx.filter(model, filter_of(model))


_judged = {"predict": predict, "loss": "mse", "with_params": with_params}
FROZEN = ("layers/0",)

#: As it stands, with SGD: the optimizer starts from the whole model and is shown no parameters.
as_in_the_example = LinenTrainer(
    creating(lambda model: model),
    stepping(lambda model: None),
    FROZEN,
    optimizers=Optimizers("sgd"),
    **_judged,
)

#: The optimizer knows all arrays; what is frozen has no gradient, which is None and not zero.
all_arrays = LinenTrainer(creating(arrays), stepping(arrays), FROZEN, **_judged)

#: The optimizer knows of nothing but the half that trains.
trainable_half = LinenTrainer(creating(trainable), stepping(trainable), FROZEN, **_judged)


def _of_vectors(model):
    """Return a filter of the wrong leaves: all biases train, and nothing else."""
    return jax.tree.map(lambda leaf: eqx.is_array(leaf) and leaf.ndim == 1, model)


#: A faulty twin: the bias of the frozen layer trains.
bias_forgotten = LinenTrainer(
    creating(arrays), stepping(arrays, _of_vectors), FROZEN, optimizers=Optimizers("sgd")
)
