"""Faulty trainers with state that is not where its leaves' names say, or not yet there."""

import functools

import jax
import optax
from flax import struct

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import BODY, Layers, mse

INERT = ("selected", "value", "inert")
_net = Layers()


@struct.dataclass
class State:
    """Parameters, an optimizer's state of whatever form, and the optimizer."""

    params: dict
    opt_state: dict | tuple | None
    tx: optax.GradientTransformation = struct.field(pytree_node=False)


def _params(seed, batch):
    return _net.init(jax.random.key(seed), batch.x)["params"]


def _loss(params, batch):
    return mse(_net.apply({"params": params}, batch.x), batch.y)


@specimen(law="frozen-optimizer-state", seen="parameters handed to the optimizer as a list")
def moments_in_a_list():
    """All leaves go to the optimizer as a list, and the body's place in it collects moments."""

    def create(seed, batch, optimizer):
        params = _params(seed, batch)
        leaves = jax.tree.leaves(params)
        frozen = [path[0].key in BODY for path, _ in jax.tree.leaves_with_path(params)]
        tx = _held(optimizer, tuple(frozen))
        return State(params, tx.init(leaves), tx)

    @jax.jit
    def step(state, batch):
        loss, grads = jax.value_and_grad(_loss)(state.params, batch)
        leaves, form = jax.tree.flatten(state.params)
        updates, opt_state = state.tx.update(jax.tree.leaves(grads), state.opt_state, leaves)
        params = jax.tree.unflatten(form, optax.apply_updates(leaves, updates))
        return state.replace(params=params, opt_state=opt_state), loss

    few = Optimizers("momentum", "adam")
    return LinenTrainer(create, step, frozen=BODY, optimizers=few, promise=INERT)


@functools.cache
def _held(optimizer, frozen):
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), list(frozen)))


@specimen(
    law="restored-equals-saved",
    seen="moments of a head that is added when it first trains",
    needs=Needs("a step before the checkpoint, and one after it", steps=2),
)
def state_made_by_the_first_step():
    """There is no optimizer state until the first step makes it, and no checkpoint fits before."""

    def create(seed, batch, optimizer):
        return State(_params(seed, batch), None, optimizer)

    @jax.jit
    def step(state, batch):
        head = state.params["head"]
        loss, grads = jax.value_and_grad(lambda head: _loss({**state.params, "head": head}, batch))(
            head
        )
        opt_state = state.tx.init(head) if state.opt_state is None else state.opt_state
        updates, opt_state = state.tx.update(grads, opt_state, head)
        params = {**state.params, "head": optax.apply_updates(head, updates)}
        return state.replace(params=params, opt_state=opt_state), loss

    return LinenTrainer(create, step, frozen=BODY, optimizers=Optimizers("sgd", "adam"))


@specimen(law="trainable-moves", seen="an adapter that is kept beside the weights, and forgotten")
def left_out_of_what_trains():
    """What trains is picked by name, and only the program can put other parameters in place."""

    def create(seed, batch, optimizer):
        rest = _params(seed, batch)
        head = {"bias": rest["head"].pop("bias")}
        return (head, rest, optimizer.init(head)), optimizer

    @functools.partial(jax.jit, static_argnums=0)
    def update(tx, parts, batch):
        head, rest, opt_state = parts
        loss, grads = jax.value_and_grad(lambda head: _loss(_whole(head, rest), batch))(head)
        updates, opt_state = tx.update(grads, opt_state, head)
        return (optax.apply_updates(head, updates), rest, opt_state), loss

    def step(state, batch):
        parts, loss = update(state[1], state[0], batch)
        return (parts, state[1]), loss

    def params(state):
        return _whole(*state[0][:2])

    return LinenTrainer(create, step, frozen=BODY, params=params, optimizers=Optimizers("sgd"))


def _whole(head, rest):
    return {**rest, "head": {**rest["head"], **head}}
