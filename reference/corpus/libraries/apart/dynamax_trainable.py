"""Dynamax: `ParameterProperties.trainable`, and `fit_sgd`.

https://probml.github.io/dynamax/notebooks/hmm/gaussian_hmm.html: "props" say what is trained.
"""

import functools
from typing import Any

import flax
import jax
import jax.numpy as jnp
from dynamax.hidden_markov_model import GaussianHMM

from frostproof import LinenTrainer, Optimizers

FROZEN = ("transitions",)
STATES = 3


class State(flax.struct.PyTreeNode):
    """Parameters, what is said of them, and the optimizer that each fit starts afresh."""

    params: Any
    props: Any = flax.struct.field(pytree_node=False)
    tx: Any = flax.struct.field(pytree_node=False)


@functools.cache
def model_of(columns):
    """Return a model with diagonal covariances, for observations with so many columns."""
    return GaussianHMM(STATES, columns)


def creating(transition_matrix=None):
    """Return a `create` of a model whose transition matrix is frozen: drawn, or this one."""

    def create(seed, batch, optimizer):
        model = model_of(batch.x.shape[1])
        params, props = model.initialize(jax.random.key(seed), transition_matrix=transition_matrix)
        props.transitions.transition_matrix.trainable = False
        return State(params, props, optimizer)

    return create


def fit(state, batch):
    """Fit for one epoch, to the rows of a batch as one sequence."""
    params, losses = model_of(batch.x.shape[1]).fit_sgd(
        state.params,
        state.props,
        jnp.asarray(batch.x),
        optimizer=state.tx,
        num_epochs=1,
    )
    return state.replace(params=params), losses[-1]


def fit_and_put_back(state, batch):
    """Fit, and put back what is frozen."""
    fitted, loss = fit(state, batch)
    kept = fitted.params._replace(transitions=state.params.transitions)
    return fitted.replace(params=kept), loss


# The optimizer is not shown the parameters: those that decay them raise.
_judged = {"optimizers": Optimizers("sgd", "momentum", "adam", "rmsprop", rates=(0.01,))}

as_documented = LinenTrainer(creating(), fit, FROZEN, **_judged)
put_back = LinenTrainer(creating(), fit_and_put_back, FROZEN, **_judged)

#: A chain that never goes back: what zeros in a transition matrix are for.
LEFT_TO_RIGHT = jnp.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]])
left_to_right = LinenTrainer(creating(LEFT_TO_RIGHT), fit_and_put_back, FROZEN, **_judged)
nearly_left_to_right = LinenTrainer(
    creating(jnp.maximum(LEFT_TO_RIGHT, 1e-6)), fit_and_put_back, FROZEN, **_judged
)
