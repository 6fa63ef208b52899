"""Flax's other ways to keep and to walk variables: judged where they train, named where not."""

import contextlib
import functools

import flax
import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.experimental import hijax

from frostproof import NnxTrainer, Optimizers, verify

LAWS = ("training-runs", "frozen-value", "frozen-special-weights", "trainable-moves", "loss-is-mse")
FEW = Optimizers("sgd", "adamw", rates=(0.1,))
HEAD = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1")))
with_vars = getattr(nnx, "with_vars", None) or nnx.vars_as  # as older Flax calls it
BOXES = hasattr(hijax, "instantiate_zeros")  # Flax needs it for `hijax=True`: from JAX 0.9 on


class TwoLayer(nnx.Module):
    def __init__(self, inputs, *, rngs):
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l2 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.l2(nnx.relu(self.l1(x)))


def mse(model, batch):
    return jnp.mean((model(batch.x) - batch.y) ** 2)


def as_arrays(wrt):
    """Return a step that differentiates plain arrays, which all kinds of variables can give."""

    def step(model, optimizer, batch):
        graph, own, rest = nnx.split(model, wrt, ...)
        plain = with_vars(own, hijax=False, ref=False)
        loss, grads = jax.value_and_grad(lambda own: mse(nnx.merge(graph, own, rest), batch))(plain)
        optimizer.update(model, grads)
        return loss

    return step


def as_module(wrt):
    """Return a step that differentiates the module; without graph mode that is all of it."""

    def step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(mse)(model, batch)
        optimizer.update(model, nnx.state(grads, wrt))
        return loss

    return step


def compiled_away(step):
    """Compile a step that returns what it trained, since nothing is updated from within."""

    @nnx.jit
    def trained(model, optimizer, batch):
        return model, optimizer, step(model, optimizer, batch)

    def outside(model, optimizer, batch):
        *new, loss = trained(model, optimizer, batch)
        for old, trained_one in zip((model, optimizer), new, strict=True):
            nnx.update(old, nnx.state(trained_one))
        return loss

    return outside


def trainer(step, wrt, mode=contextlib.nullcontext, **kept):
    """Return a trainer with `l1` frozen, if `wrt` does, whose variables are kept in a way."""

    def create(seed, batch, optimizer):
        with mode(), nnx.var_defaults(**kept) if kept else contextlib.nullcontext():
            model = TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed))
            return model, nnx.Optimizer(model, optimizer, wrt=wrt)

    @functools.wraps(step)
    def train_step(model, optimizer, batch):
        with mode():
            return step(model, optimizer, batch)

    return NnxTrainer(
        create,
        train_step,
        frozen=("l1",),
        predict=lambda model, x: model(x),
        loss="mse",
        optimizers=FEW,
    )


def without_graph():
    return nnx.set_graph_mode(False)


def without_updates():
    return nnx.set_graph_updates(False)


WAYS = {
    "hijax": lambda wrt: trainer(as_arrays(wrt), wrt, hijax=True),
    "ref": lambda wrt: trainer(as_arrays(wrt), wrt, ref=True),
    "ref, compiled": lambda wrt: trainer(nnx.jit(as_arrays(wrt)), wrt, ref=True),
    "trees": lambda wrt: trainer(as_module(wrt), wrt, without_graph),
    "trees, compiled": lambda wrt: trainer(nnx.jit(as_module(wrt)), wrt, without_graph),
    "no updates": lambda wrt: trainer(as_module(wrt), wrt, without_updates),
    "no updates, compiled": lambda wrt: trainer(
        compiled_away(as_module(wrt)), wrt, without_updates
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_are_judged_as_the_ordinary_one(way):
    """All laws find a correct trainer right, and one that trains everything wrong."""
    if way == "hijax" and not BOXES:
        pytest.skip("this JAX has no hijax variables")

    correct = verify(WAYS[way](HEAD), laws=LAWS, max_examples=4, seed=0, proofs=False)
    faulty = verify(WAYS[way](nnx.Param), laws=["frozen-value"], max_examples=4, seed=0)

    assert {row.law: row.verdict for row in correct.rows} == dict.fromkeys(LAWS, "held"), [
        row.reason for row in correct.rows
    ]
    assert [row.verdict for row in faulty.rows] == ["refuted"]
    assert "l1/" in faulty.rows[0].reason


@pytest.mark.skipif(not BOXES, reason="this JAX has no hijax variables")
def test_a_variable_is_no_function_that_a_checkpoint_leaves_out():
    """It can be called, and is a leaf. Orbax 0.12 cannot save it; a later one may."""
    report = verify(WAYS["hijax"](HEAD), laws=["restored-equals-saved"], max_examples=2, seed=0)

    (row,) = report.rows
    assert row.verdict in ("held", "not-run"), row.reason


@pytest.mark.skipif(not BOXES, reason="this JAX has no hijax variables")
@pytest.mark.parametrize(
    ("step", "kept"),
    [(nnx.jit(as_arrays(HEAD)), {"hijax": True}), (as_module(nnx.Param), {"ref": True})],
    ids=["hijax in nnx.jit", "gradient of a ref"],
)
def test_what_flax_refuses_is_named(step, kept):
    """Its own words are those of JAX's tracers: beside them stands how the variables were made."""
    report = verify(trainer(step, HEAD, **kept), laws=["training-runs"], max_examples=2, seed=0)

    (row,) = report.rows
    (way,) = kept
    assert row.verdict == "error"
    assert f"the module has variables made with `{way}=True`: some ways to" in row.reason
    assert f"refused by Flax {flax.__version__}" in row.reason


class Scale(nnx.Variable):
    """What is trained in the place of the weights, as IA3 does."""


class Scaled(TwoLayer):
    """Two frozen layers, between which the units are scaled, and counted."""

    def __init__(self, inputs, *, rngs):
        """Begin with scales of one."""
        super().__init__(inputs, rngs=rngs)
        self.scale = Scale(jnp.ones(4))
        self.calls = nnx.Variable(jnp.zeros((), jnp.int32))

    def __call__(self, x):
        """Predict one column."""
        return self.l2(self.scale[...] * nnx.tanh(self.l1(x)))


@pytest.mark.parametrize(("trained", "verdict"), [(Scale, "held"), (nnx.Param, "vacuous")])
def test_what_the_optimizer_trains_is_a_parameter(trained, verdict):
    """By `wrt=`, whatever type of variable it is; else it is none, and nothing is left to train."""

    def create(seed, batch, optimizer):
        model = Scaled(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=trained)

    @nnx.jit
    def step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(mse, argnums=nnx.DiffState(0, trained))(model, batch)
        optimizer.update(model, grads)
        return loss

    subject = NnxTrainer(create, step, frozen=("l1", "l2"), optimizers=FEW)
    (row,) = verify(subject, laws=["trainable-moves"], max_examples=4, seed=1).rows

    assert row.verdict == verdict, row.reason
