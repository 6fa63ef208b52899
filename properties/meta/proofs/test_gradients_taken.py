"""Gradients of frozen leaves that the rates of others depend on: no proof that they do not leak."""

import jax
import jax.numpy as jnp
import pytest
from flax.training.train_state import TrainState
from jax.flatten_util import ravel_pytree

from frostproof import LinenTrainer, Optimizers
from frostproof.properties.proofs.claims import SEEN
from frostproof.properties.proofs.proving import prove_promised

LAW = "frozen-gradients-do-not-leak"


def _loss(params, batch):
    return jnp.mean((batch.x @ params["body"] @ params["head"] - batch.y) ** 2)


def _trainer(gradient):
    """Return a trainer whose head has a rate that depends on a gradient."""

    def create(seed, batch, optimizer):
        keys = jax.random.split(jax.random.key(seed))
        body = jax.random.normal(keys[0], (batch.x.shape[1], 4))
        params = {"body": body, "head": jax.random.normal(keys[1], (4, 1))}
        return TrainState.create(apply_fn=None, tx=optimizer, params=params)

    def train_step(state, batch):
        loss, gradients = jax.value_and_grad(_loss)(state.params, batch)
        norm = jnp.linalg.norm(ravel_pytree(gradient(state.params, batch))[0])
        head = gradients["head"] / (1 + norm)
        gradients = {"body": jnp.zeros_like(gradients["body"]), "head": head}
        return state.apply_gradients(grads=gradients), loss

    return LinenTrainer(create, train_step, frozen=("body",), optimizers=Optimizers("sgd"))


def _flat(params, batch):
    flat, unravel = ravel_pytree(params)
    return jax.grad(lambda flat: _loss(unravel(flat), batch))(flat)


def _listed(params, batch):
    leaves, structure = jax.tree.flatten(params)
    return jax.grad(lambda leaves: _loss(jax.tree.unflatten(structure, leaves), batch))(leaves)


@pytest.mark.parametrize(
    "gradient",
    [
        lambda *arguments: jax.grad(_loss)(*arguments),
        lambda *arguments: jax.jacrev(_loss)(*arguments),
        lambda *arguments: jax.jacfwd(_loss)(*arguments),
        _flat,
        _listed,
    ],
    ids=["grad", "jacrev", "jacfwd", "of a flat array", "of a list"],
)
def test_what_depends_on_any_gradient_of_a_frozen_leaf_is_not_proved(gradient):
    """Neither where it has the leaf's name nor where nobody can tell whose it is."""
    assert LAW not in prove_promised(_trainer(gradient)).proved


def test_what_depends_on_gradients_of_others_is_proved():
    """A leaf that trains may have a rate that depends on all that train."""

    def of_head(params, batch):
        return jax.grad(lambda head: _loss(params | head, batch))({"head": params["head"]})

    assert LAW in prove_promised(_trainer(of_head)).proved


def test_what_a_proof_of_no_leak_rests_on():
    """A gradient that is computed by hand is a number like others."""
    proof = prove_promised(_trainer(lambda params, batch: params["head"])).proved[LAW]

    assert SEEN in proof.assumptions
