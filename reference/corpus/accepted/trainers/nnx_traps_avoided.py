"""Correct trainers next to what NNX and Optax take in another way than it looks."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct
from optax.transforms import selective_transform

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value"),
}


class _Net(nnx.Module):
    def __init__(self, inputs, rngs):
        self.stem = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)
        self.head.kernel[...] = jnp.full((4, 1), 0.25)  # into the variable, which stays one

    def __call__(self, x):
        return self.head(nnx.tanh(self.stem(x)))


def _loss(model, batch):
    return jnp.mean((model(batch.x) - batch.y) ** 2)


_head = nnx.All(nnx.Param, nnx.PathContains("head"))


def _creating(wrap=lambda optimizer: optimizer, wrt=nnx.Param):
    def create(seed, batch, optimizer):
        model = _Net(batch.x.shape[1], nnx.Rngs(seed))
        return model, nnx.Optimizer(model, wrap(optimizer), wrt=wrt)

    return create


@jax.jit
def _returning(model, optimizer, batch):
    """Give back in a plain `jax.jit` what was trained in place."""
    value, grads = nnx.value_and_grad(_loss, argnums=nnx.DiffState(0, _head))(model, batch)
    optimizer.update(model, grads)
    return value, nnx.state((model, optimizer))


def _step_of_jax(model, optimizer, batch):
    value, state = _returning(model, optimizer, batch)
    nnx.update((model, optimizer), state)
    return value


state_given_back_by_jax_jit = accepted(
    NnxTrainer(_creating(wrt=_head), _step_of_jax, frozen=("stem",), **_declared)
)


def _names(path):
    """Return the names of a path, whichever way it is spelt."""
    return [getattr(entry, "key", getattr(entry, "name", None)) for entry in path]


def _is_stem(tree):
    return jax.tree_util.tree_map_with_path(lambda path, _: "stem" in _names(path), tree)


def _without_graph_mode():
    with nnx.set_graph_mode(False):

        @nnx.jit
        def step(model, optimizer, batch):
            with nnx.set_graph_mode(False):
                value, grads = nnx.value_and_grad(_loss)(model, batch)
                grads = jax.tree.map(
                    lambda frozen, g: jnp.zeros_like(g) if frozen else g, _is_stem(grads), grads
                )
                optimizer.update(model, grads)
            return value

    return step


names_without_graph_mode = accepted(
    NnxTrainer(_creating(), _without_graph_mode(), frozen=("stem",), **_declared)
)


@nnx.jit
def _plain_step(model, optimizer, batch):
    value, grads = nnx.value_and_grad(_loss)(model, batch)
    optimizer.update(model, grads)
    return value


@functools.cache
def _behind(optimizer):
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), _is_stem))


mask_by_names = accepted(NnxTrainer(_creating(_behind), _plain_step, frozen=("stem",), **_declared))


def _rated(learning_rate, mask):
    return optax.chain(optax.sgd(learning_rate), optax.freeze(mask))


_injected = optax.inject_hyperparams(_rated, static_args="mask")(learning_rate=0.1, mask=_is_stem)


mask_that_is_static = accepted(
    NnxTrainer(
        _creating(lambda optimizer: _injected), _plain_step, frozen=("stem",), promise=("value",)
    )
)


@functools.cache
def _selective(optimizer):
    model = _Net(3, nnx.Rngs(0))  # of any size: the names are the same
    state = nnx.state(model, nnx.Param)
    return selective_transform(
        optimizer, freeze_mask=nnx.map_state(lambda path, _: "stem" in path, state)
    )


selective_transform_of_a_tree = accepted(
    NnxTrainer(_creating(_selective), _plain_step, frozen=("stem",), **_declared)
)


class _Tied(nnx.Module):
    def __init__(self, inputs, rngs):
        self.embed = nnx.Linear(inputs, inputs, use_bias=False, rngs=rngs)
        self.mid = nnx.Linear(inputs, inputs, rngs=rngs)
        self.out = nnx.Linear(inputs, inputs, use_bias=False, rngs=rngs)
        self.out.kernel = self.embed.kernel

    def __call__(self, x):
        return self.out(nnx.tanh(self.mid(self.embed(x)))).sum(axis=1, keepdims=True)


@struct.dataclass
class _Loop:
    train: Any
    rest: Any
    opt_state: Any
    graph: Any = struct.field(pytree_node=False)
    tx: Any = struct.field(pytree_node=False)


_mid = nnx.All(nnx.Param, nnx.PathContains("mid"))


def _create_tied(seed, batch, optimizer):
    graph, train, rest = nnx.split(_Tied(batch.x.shape[1], nnx.Rngs(seed)), _mid, ...)
    return _Loop(train, rest, optimizer.init(train), graph, optimizer)


@jax.jit
def _functional(loop, batch):
    """Carry the split module, of which tied weights are one leaf."""

    def loss(train):
        return _loss(nnx.merge(loop.graph, train, loop.rest), batch)

    value, grads = jax.value_and_grad(loss)(loop.train)
    updates, opt_state = loop.tx.update(grads, loop.opt_state, loop.train)
    train = optax.apply_updates(loop.train, updates)
    return loop.replace(train=train, opt_state=opt_state), value


tied_in_a_functional_loop = accepted(
    LinenTrainer(
        _create_tied,
        _functional,
        frozen=("embed",),
        params=lambda loop: nnx.merge_state(loop.train, loop.rest),
        **_declared,
    )
)
