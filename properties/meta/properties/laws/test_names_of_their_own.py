"""Optimizers that know leaves by other names than the parameters have."""

import functools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import struct
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.trainers.names_of_their_own import (
    adapter_named_as_what_is_frozen,
)

EFFORT = Effort(max_examples=3, seed=0, shrinking=0)


@pytest.mark.parametrize(
    ("law", "outcome", "reason"),
    [
        ("frozen-optimizer-state", "held", None),
        ("frozen-gradients-do-not-leak", "not-run", "adapter/kernel trains by a gradient that "),
        ("trains-as-if-alone", "held", None),
    ],
)
def test_what_an_adapter_is_given_is_not_taken_for_the_frozen_leaf(law, outcome, reason):
    """Its optimizer calls its leaf `kernel`, which is the name of the frozen one."""
    verdict = judge(BY_ID[law], adapter_named_as_what_is_frozen, EFFORT, CallCache(), "adapter")

    assert verdict.outcome == outcome, verdict.counterexample
    assert (verdict.reason or "").startswith(reason or "")


@pytest.mark.parametrize(("times", "outcome"), [(1, "held"), (2, "refuted")])
def test_optimizers_of_parts_that_name_their_leaves_alike_are_told_apart(times, outcome):
    """Both call theirs `kernel`: that says nothing of which part each of them is made for."""
    names = ("base", "mid", "head")

    def create(seed, batch, optimizer):
        params = {
            name: {"kernel": jax.random.normal(key, (batch.x.shape[1],) * 2)}
            for name, key in zip(names, jax.random.split(jax.random.key(seed), 3), strict=True)
        }
        states = {name: optimizer.init(params[name]) for name in names[1:]}
        return InTurns(params, states, None, optimizer)

    @jax.jit
    def step(state, batch):
        def loss(params):
            return jnp.mean(batch.x @ sum(params[name]["kernel"] for name in names) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        params, states = dict(state.params), {}
        for name in names[1:]:
            updates, states[name] = state.tx.update(
                grads[name], state.states[name], state.params[name]
            )
            for _ in range(times):
                params[name] = optax.apply_updates(params[name], updates)
        return state.replace(params=params, states=states), value

    parts = LinenTrainer(
        create,
        step,
        frozen=("base",),
        opt_state=lambda state: tuple(state.states.values()),
        optimizers=Optimizers("momentum", rates=(0.1,)),
    )
    verdict = judge(BY_ID["trains-as-if-alone"], parts, EFFORT, CallCache(), outcome)

    assert verdict.outcome == outcome, verdict.reason


def apply(variables, x):
    params = variables["params"]
    return jnp.tanh(x @ params["base"]) @ params["head"]


@jax.jit
def restoring_step(state, batch):
    """Train all of a flat optimizer, and put the base back."""

    def loss(params):
        return jnp.mean((apply({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    new = state.apply_gradients(grads=grads)
    return new.replace(params={**new.params, "base": state.params["base"]}), value


def flat_trainer(wrap):
    """One whose optimizer `wrap` makes."""

    def create(seed, batch, optimizer):
        keys = jax.random.split(jax.random.key(seed))
        base = jax.random.normal(keys[0], (batch.x.shape[1], 4))
        params = {"base": base, "head": jax.random.normal(keys[1], (4, 1))}
        return TrainState.create(apply_fn=apply, params=params, tx=wrap(optimizer))

    few = Optimizers("momentum", rates=(0.1,))
    return LinenTrainer(create, restoring_step, frozen=("base",), optimizers=few)


def test_of_state_in_a_row_nobody_can_tell_whose_it_is():
    """It held, with the momentum of frozen leaves in it."""
    law, parts = BY_ID["frozen-optimizer-state"], {"base": "frozen", "head": "train"}
    whole = flat_trainer(optax.flatten)
    inside = flat_trainer(
        lambda optimizer: optax.partition(
            {"train": optax.flatten(optimizer), "frozen": optax.set_to_zero()}, parts
        )
    )

    verdict = judge(law, whole, EFFORT, CallCache(), "whole")

    assert verdict.outcome == "not-run"
    assert "the shape of a frozen leaf or of an array with one in it" in verdict.reason
    assert judge(law, inside, EFFORT, CallCache(), "inside").outcome == "held"


def test_factors_of_a_frozen_leafs_moment_are_its_state():
    """Adafactor keeps a row and a column of what it squares, under the name of the leaf."""
    law, parts = BY_ID["frozen-optimizer-state"], {"base": "frozen", "head": "train"}
    factored = optax.adafactor(0.1, min_dim_size_to_factor=1)
    of_all = replace(flat_trainer(lambda _: factored), optimizers="common")
    apart = flat_trainer(
        lambda _: optax.partition({"train": factored, "frozen": optax.set_to_zero()}, parts)
    )

    verdict = judge(law, of_all, EFFORT, CallCache(), "of all")

    assert verdict.outcome == "refuted"
    assert "v_row/base: optimizer state of a frozen leaf is" in verdict.counterexample.message
    assert (
        judge(law, replace(apart, optimizers="common"), EFFORT, CallCache(), "apart").outcome
        == "held"
    )


class InTurns(struct.PyTreeNode):
    """Two networks of the same shape, each with a state of the one optimizer."""

    params: Any
    states: Any
    turn: Any
    tx: Any = struct.field(pytree_node=False)


def networks_in_turns(watched):
    """In the step of a network the optimizers of all that are `watched` are called."""

    def create(seed, batch, optimizer):
        keys = jax.random.split(jax.random.key(seed))
        shape = (batch.x.shape[1], 1)
        params = {
            name: {f"w_{name}": jax.random.normal(key, shape)}
            for name, key in zip(("one", "two"), keys, strict=True)
        }
        states = {name: optimizer.init(params[name]) for name in params}
        return InTurns(params, states, jnp.zeros((), jnp.int32), optimizer)

    @functools.partial(jax.jit, static_argnames="name")
    def train(state, batch, name):
        def loss(own):
            both = state.params | {name: own}
            return jnp.mean((batch.x @ (both["one"]["w_one"] + both["two"]["w_two"])) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params[name])
        states = dict(state.states)
        for each in watched(name):
            own = grads if each == name else jax.tree.map(jnp.ones_like, state.params[each])
            updates, states[each] = state.tx.update(own, states[each], state.params[each])
            if each == name:
                trained = optax.apply_updates(state.params[name], updates)
        params = state.params | {name: trained}
        return state.replace(params=params, states=states, turn=state.turn + 1), value

    def step(state, batch):
        return train(state, batch, name=("one", "two")[int(state.turn) % 2])

    return LinenTrainer(
        create,
        step,
        frozen=lambda step: ("two",) if step % 2 else ("one",),
        opt_state=lambda state: tuple(state.states.values()),
        optimizers=Optimizers("momentum", rates=(0.1,)),
    )


def test_of_parts_in_turns_the_optimizer_that_is_called_knows_its_own():
    """Each has its own names, and the state of the one that is not called stays as it is."""
    law = BY_ID["frozen-optimizer-state"]
    right = networks_in_turns(lambda name: (name,))
    wrong = networks_in_turns(lambda name: ("one", "two"))

    assert judge(law, right, EFFORT, CallCache(), "right").outcome == "held"
    assert judge(law, wrong, EFFORT, CallCache(), "wrong").outcome == "refuted"


def training_a_part(begins, part, whole, apply, frozen, given=lambda tree: tree):
    """A trainer that differentiates by a part of its parameters and hands it on by other names."""

    def create(seed, batch, optimizer):
        params = begins(jax.random.key(seed), batch.x.shape[1])
        return Own(params, optimizer.init(given(part(params))), optimizer)

    @jax.jit
    def step(state, batch):
        def loss(tree):
            return jnp.mean((apply(whole(state.params, tree), batch.x)[:, 0] - batch.y) ** 2)

        tree = part(state.params)
        value, grads = jax.value_and_grad(loss)(tree)
        updates, opt_state = state.tx.update(given(grads), state.opt_state, given(tree))
        leaves = jax.tree.leaves(optax.apply_updates(given(tree), updates))
        shaped = [
            new.reshape(old.shape) for new, old in zip(leaves, jax.tree.leaves(tree), strict=True)
        ]
        tree = jax.tree.unflatten(jax.tree.structure(tree), shaped)
        return state.replace(params=whole(state.params, tree), opt_state=opt_state), value

    return LinenTrainer(create, step, frozen, optimizers=Optimizers("momentum", rates=(0.1,)))


class Own(struct.PyTreeNode):
    """A state whose optimizer has its own form."""

    params: Any
    opt_state: Any
    tx: Any = struct.field(pytree_node=False)


def _adapter(key, features):
    kernel = jax.random.normal(key, (features, 1))
    return {"kernel": kernel, "adapter": {"kernel": jnp.zeros((features, 1))}}


def _biased(key, features):
    kernels = jax.random.normal(key, (2, features, 1))
    frozen, adapter = ({"kernel": each, "bias": jnp.zeros(1)} for each in kernels)
    return frozen | {"adapter": adapter}


def _list(key, features):
    keys, widths = jax.random.split(key, 3), (features, 4, 4, 1)
    shapes = zip(keys, widths, widths[1:], strict=False)
    return [(jax.random.normal(key, shape), jnp.zeros(shape[1])) for key, *shape in shapes]


def _named_mu(key, features):
    first, second = jax.random.normal(key, (2, features, 1))
    return {"mu": {"w": first}, "w": second}


def _beside(params, x):
    kernel = params["kernel"] + params["adapter"]["kernel"]
    return x @ kernel + params.get("bias", 0) + params["adapter"].get("bias", 0)


def _through(params, x):
    for kernel, bias in params:
        x = jnp.tanh(x @ kernel + bias)
    return x


PARTS = {
    "an adapter of zeros": training_a_part(
        _adapter,
        lambda params: params["adapter"],
        lambda params, part: params | {"adapter": part},
        _beside,
        ("kernel",),
    ),
    "biases of zeros": training_a_part(
        _biased,
        lambda params: params["adapter"],
        lambda params, part: params | {"adapter": part},
        _beside,
        ("kernel", "bias"),
    ),
    "the last layers of a list": training_a_part(
        _list,
        lambda params: params[1:],
        lambda params, part: [params[0], *part],
        _through,
        ("0",),
    ),
    "a flat head": training_a_part(
        lambda key, features: [*_list(key, features)[:1], (jnp.ones((4, 1)),)],
        lambda params: params[1:],
        lambda params, part: [params[0], *part],
        lambda params, x: jnp.tanh(x @ params[0][0] + params[0][1]) @ params[1][0],
        ("0",),
        given=lambda tree: tree[0][0].ravel(),
    ),
    "a layer called as a moment": training_a_part(
        _named_mu,
        lambda params: {"w": params["w"]},
        lambda params, part: params | part,
        lambda params, x: x @ (params["mu"]["w"] + params["w"]),
        ("mu",),
    ),
}


@pytest.mark.parametrize("trainer", PARTS.values(), ids=PARTS)
def test_what_a_part_is_called_is_not_taken_for_a_frozen_leaf(trainer):
    """All of them are correct, and moments and gradients were taken for those of frozen leaves."""
    for law in ("frozen-optimizer-state", "frozen-gradients-do-not-leak", "trains-as-if-alone"):
        adam = replace(trainer, optimizers=Optimizers("adam", "momentum", rates=(0.1,)))
        verdict = judge(BY_ID[law], adam, EFFORT, CallCache(), "part")
        assert verdict.outcome != "refuted", verdict.counterexample


def _plainly(tx, take, state, tail):
    updates, state = tx.update(take(tail), state, tail)
    return optax.apply_updates(tail, updates), state


def _halved(tx, take, state, tail):
    """Call it without parameters, and change what it makes."""
    updates, state = tx.update(take(tail), state)
    return jax.tree.map(lambda old, update: old + update / 2, tail, updates), state


def _by_hand(tx, take, velocity, tail):
    velocity = jax.tree.map(lambda old, new: 0.9 * old + new, velocity, take(tail))
    return jax.tree.map(lambda old, new: old - 0.1 * new, tail, velocity), velocity


def training_a_tail(call, start):
    """A trainer of all layers but the first of a list, in which all have the same shapes; its
    optimizer is given those from `start` on.
    """

    def create(seed, batch, optimizer):
        shape = (3, batch.x.shape[1], 1)
        params = list(jax.random.normal(jax.random.key(seed), shape))
        tail = params[start:]
        zeros = jax.tree.map(jnp.zeros_like, tail)
        return Own(params, zeros if call is _by_hand else optimizer.init(tail), optimizer)

    @jax.jit
    def step(state, batch):
        def loss(tail):
            a, b, c = [*state.params[:start], *tail]
            return jnp.mean((batch.x @ (a * b + c) - batch.y) ** 2)

        tail, opt_state = call(state.tx, jax.grad(loss), state.opt_state, state.params[start:])
        params = [state.params[0], *tail[1 - start :]]
        return state.replace(params=params, opt_state=opt_state), loss(tail)

    few = Optimizers("momentum", rates=(0.1,))
    return LinenTrainer(create, step, ("0",), opt_state=lambda s: s.opt_state, optimizers=few)


@pytest.mark.parametrize("call", [_halved, _by_hand])
def test_moments_of_the_end_of_a_list_are_not_taken_for_those_of_its_beginning(call):
    """Layers after the first are `0` and `1` to their optimizer. Moments of all are found."""
    law, once = BY_ID["frozen-optimizer-state"], replace(EFFORT, max_examples=1)
    tail, whole = (training_a_tail(call, start) for start in (1, 0))

    verdict = judge(law, tail, once, CallCache(), "tail")

    assert verdict.outcome != "refuted", verdict.counterexample
    assert ("let `opt_state=` show it" in (verdict.reason or "")) == (call is _by_hand)
    assert judge(law, whole, once, CallCache(), "whole").outcome == "refuted"


def test_what_the_end_of_a_list_trains_by_is_not_taken_for_gradients_of_its_beginning():
    """By name and shape they are those of the frozen layer, and they were disturbed. Huge ones of a
    clip move nothing then, so that nothing seemed to train.
    """
    law = BY_ID["frozen-gradients-do-not-leak"]
    clipped = Optimizers("sgd", rates=(0.1,), behind="clip_by_global_norm")
    trainer = replace(training_a_tail(_plainly, 1), optimizers=clipped)

    verdict = judge(law, trainer, EFFORT, CallCache(), "tail")

    assert verdict.outcome == "not-run", verdict.counterexample
