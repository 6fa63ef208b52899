"""Programs whose first step is not like those after it: a proof is one of all of them, or none."""

from typing import Any

import flax
import jax
import jax.numpy as jnp
import pytest

from frostproof import LinenTrainer, Optimizers
from frostproof.properties.proofs.equations import equations
from frostproof.properties.proofs.proving import prove_promised


class _State(flax.struct.PyTreeNode):
    params: Any
    opt_state: Any
    scale: Any
    tx: Any = flax.struct.field(pytree_node=False)
    made: Any = flax.struct.field(pytree_node=False)


def _trainer(
    *, dtype=jnp.bfloat16, scale=1.0, later=lambda scale: scale, made=0, next_made=lambda made: made
):
    """Return a trainer whose state has a number among its arrays, and something beside them."""

    def create(seed, batch, optimizer):
        params = {"frozen": jnp.full(3, seed, dtype), "head": jnp.ones(3, dtype)}
        return _State(params, optimizer.init(params), scale, optimizer, made)

    def train_step(state, batch):
        loss, gradients = jax.value_and_grad(lambda params: (params["head"] ** 2).sum())(
            state.params
        )
        updates, opt_state = state.tx.update(gradients, state.opt_state, state.params)
        frozen = {"frozen": state.made != 5, "head": False}
        params = jax.tree.map(
            lambda stays, p, u: jnp.where(stays, p, p + u.astype(p.dtype) * state.scale),
            frozen,
            state.params,
            updates,
        )
        scale, made = later(state.scale), next_made(state.made)
        return state.replace(params=params, opt_state=opt_state, scale=scale, made=made), loss

    return LinenTrainer(create, train_step, frozen=("frozen",), optimizers=Optimizers("sgd"))


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        (_trainer(next_made=lambda made: made + 1), "beside the arrays"),
        (_trainer(later=lambda scale: scale * jnp.float32(0.5)), "the first step is another one"),
    ],
    ids=["a number beside the arrays counts", "a Python number becomes an array"],
)
def test_what_changes_after_the_first_step_is_not_proved(trainer, reason):
    """The sixth step thaws the leaf; the second one promotes it to float32."""
    standing = prove_promised(trainer)

    assert not standing.proved
    assert reason in standing.not_traced


@pytest.mark.parametrize(
    "trainer",
    [
        _trainer(later=lambda scale: scale * 0.5),
        _trainer(scale=jnp.bfloat16(1), later=lambda scale: scale * 0.5),
        _trainer(made=None, next_made=lambda made: lambda: 0),
        _trainer(next_made=lambda made: 1),
        _trainer(dtype=jnp.float32, later=lambda scale: scale * jnp.float32(0.5)),
    ],
    ids=["weak", "strong", "another function each time", "settles", "becomes strong"],
)
def test_what_does_the_same_in_each_step_is_proved(trainer):
    """Whether a number is as weak as it was, where that changes nothing that is computed."""
    assert "frozen-norm" in prove_promised(trainer).proved


def test_a_number_is_what_it_rounds_to():
    """A moment decays by 1 - 0.9, which is 0.1 where it is weakly typed."""

    def times(number):
        return equations(jax.make_jaxpr(lambda x: x * number)(1.0))

    assert times(0.1) == times(1 - 0.9) != times(0.2)


def test_a_step_along_another_axis_is_another_step():
    """Its equations differ in nothing but a parameter."""
    rows, columns = (
        jax.make_jaxpr(lambda x, n=n: jnp.flip(x, n))(jnp.ones((2, 2))) for n in (0, 1)
    )

    assert equations(rows) != equations(columns)
