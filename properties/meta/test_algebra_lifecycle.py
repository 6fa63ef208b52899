"""Laws of repetition, algebra and lifecycles on trainers: each holds on correct code."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import struct

from frostproof.properties.book import BY_ID
from frostproof.properties.engine import NOT_REPEATABLE, Effort, judge
from frostproof.properties.memory import Memory
from frostproof.reference.linen_trainer import LinenTrainer
from frostproof.strategies.optimizers import named

FEW = named("sgd", "momentum", learning_rates=(0.1,))


def verdict(law, subject, examples=8):
    effort = Effort(max_examples=examples, seed=1, shrinking=0)
    return judge(BY_ID[law], subject, effort, Memory(), "subject.py:subject")


@struct.dataclass
class State:
    params: Any
    opt_state: Any
    mask: Any
    opt: Any = struct.field(pytree_node=False)


def masked(params, frozen):
    return {name: jnp.array(name in frozen) for name in params}


def create(seed, batch, opt):
    params = {
        "body": jax.random.normal(jax.random.key(seed), (batch.x.shape[1],)),
        "head": jnp.ones(1),
    }
    return State(params, opt.init(params), masked(params, ("body",)), opt)


def loss(params, batch):
    return jnp.mean((jnp.tanh(batch.x @ params["body"])[:, None] * params["head"] - batch.y) ** 2)


@jax.jit
def step(state, batch):
    """Put frozen leaves back after the update: exact under every optimizer."""
    value, gradients = jax.value_and_grad(loss)(state.params, batch)
    updates, opt_state = state.opt.update(gradients, state.opt_state, state.params)
    new = optax.apply_updates(state.params, updates)
    new = jax.tree.map(jnp.where, state.mask, state.params, new)
    return state.replace(params=new, opt_state=opt_state), value


@jax.jit
def zeroing_step(state, batch):
    value, gradients = jax.value_and_grad(loss)(state.params, batch)
    gradients = jax.tree.map(lambda frozen, g: jnp.where(frozen, 0, g), state.mask, gradients)
    updates, opt_state = state.opt.update(gradients, state.opt_state, state.params)
    return state.replace(
        params=optax.apply_updates(state.params, updates), opt_state=opt_state
    ), value


def refreeze(state, frozen):
    return state.replace(mask=masked(state.params, frozen))


def trainer(create=create, step=step, refreeze=refreeze, optimizers=FEW):
    return LinenTrainer(
        create, step, frozen=("body",), refreeze=refreeze, optimizers=optimizers, loss="mse"
    )


def changes_its_batch(state, batch):
    new = step(state, batch)
    batch.x[...] -= 1
    return new


def compiles_each_step(state, batch):
    return jax.jit(lambda state, batch: step.__wrapped__(state, batch))(state, batch)


@functools.partial(jax.jit, static_argnames="number")
def numbered_step(state, batch, number):
    return step.__wrapped__(state, batch)


def numbers_its_steps():
    """Make a trainer to which the number of a step is static."""
    life = {"number": 0}

    def begin(seed, batch, opt):
        life["number"] = 0
        return create(seed, batch, opt)

    def train(state, batch):
        life["number"] += 1
        return numbered_step(state, batch, life["number"])

    return trainer(begin, train)


def freezes_all_it_knows(state, frozen):
    return refreeze(state, ("body",) if frozen else ())


def scales_when_frozen(state, frozen):
    params = jax.tree.map(lambda leaf: leaf * 1.01, state.params)
    return refreeze(state.replace(params=params), frozen)


def remembers(frozen):
    """Make a trainer whose frozen set is no part of its state."""
    now = set(frozen)

    def change(state, frozen):
        now.clear()
        now.update(frozen)
        return state

    def begin(seed, batch, opt):
        change(None, frozen)
        return create(seed, batch, opt)

    return trainer(begin, lambda state, batch: step(refreeze(state, now), batch), change)


def rate_outside():
    """Make a trainer that doubles its steps once it has trained, and keeps that in no state."""
    life = {"trained": False}

    def begin(seed, batch, opt):
        life["trained"] = False
        return create(seed, batch, opt)

    def train(state, batch):
        new, value = step(state, batch)
        if life["trained"]:
            new = new.replace(params=jax.tree.map(lambda p, n: 2 * n - p, state.params, new.params))
        life["trained"] = True
        return new, value

    return trainer(begin, train)


def head_outside():
    """Make a trainer that keeps its head in no state."""
    life = {}

    def begin(seed, batch, opt):
        state = create(seed, batch, opt)
        life["head"] = state.params["head"]
        return state

    def whole(state):
        return {**state.params, "head": life["head"]}

    def train(state, batch):
        new, value = step(state.replace(params=whole(state)), batch)
        life["head"] = new.params["head"]
        return new.replace(params={**new.params, "head": jnp.zeros(1)}), value

    return LinenTrainer(begin, train, params=whole, frozen=("body",), optimizers=FEW)


@pytest.mark.parametrize(
    ("law", "faulty"),
    [
        ("batch-untouched", trainer(step=changes_its_batch)),
        ("compiles-once", trainer(step=compiles_each_step)),
        ("compiles-once", numbers_its_steps()),
        ("freeze-everything", trainer(refreeze=freezes_all_it_knows)),
        ("freeze-twice", trainer(refreeze=scales_when_frozen)),
        ("unfreeze-resumes", trainer(refreeze=lambda state, frozen: state)),
        ("frozen-warm-state", trainer(step=zeroing_step)),
        ("frozen-warm-state", trainer(step=zeroing_step, optimizers=named("adam"))),
        ("lifecycle", trainer(refreeze=freezes_all_it_knows)),
        ("lifecycle", trainer(refreeze=scales_when_frozen)),
        ("lifecycle", remembers({"body"})),
        ("restored-equals-saved", rate_outside()),
    ],
)
def test_a_law_on_trainers_tells_correct_from_faulty(law, faulty):
    """It holds on a trainer that puts frozen leaves back, and refutes the one that is wrong."""
    assert verdict(law, trainer()).outcome == "held"
    found = verdict(law, faulty, examples=20)
    assert found.outcome == "refuted"
    assert NOT_REPEATABLE not in found.reason


def test_weights_outside_of_the_state_are_lost_by_a_checkpoint():
    """The leaf is named, not only what the next step makes of it."""
    found = verdict("restored-equals-saved", head_outside())

    assert found.outcome == "refuted"
    assert found.reason.startswith("head: is not what was saved")


def test_gradient_zeroing_is_right_without_momentum():
    """No law accuses it under an optimizer whose state moves nothing by itself."""
    zeroing = trainer(step=zeroing_step, optimizers=named("sgd", learning_rates=(0.1,)))

    for law in ("frozen-warm-state", "lifecycle", "unfreeze-resumes", "freeze-everything"):
        assert verdict(law, zeroing).outcome == "held", law


def test_a_leaf_that_nothing_depends_on_is_not_accused_of_staying():
    """Unfrozen it has no gradient, and no loss that it could change."""

    def with_spare(seed, batch, opt):
        state = create(seed, batch, opt)
        params = {**state.params, "spare": jnp.ones(2)}
        return State(params, opt.init(params), masked(params, ("body", "spare")), opt)

    subject = LinenTrainer(
        with_spare, step, frozen=("body", "spare"), refreeze=refreeze, optimizers=FEW, loss="mse"
    )
    found = verdict("unfreeze-resumes", subject, examples=3)

    assert found.outcome == "held"
    assert "never mattered: spare" in found.labels


def test_a_state_that_orbax_cannot_hold_is_not_judged():
    """A name among the leaves is beyond a checkpoint of arrays: the verdict says so."""

    @struct.dataclass
    class Named(State):
        name: Any = ()

    def with_name(seed, batch, opt):
        state = create(seed, batch, opt)
        return Named(state.params, state.opt_state, state.mask, state.opt, name=object())

    def named_step(state, batch):
        new, value = step(state.replace(name=()), batch)
        return new.replace(name=state.name), value

    found = verdict("restored-equals-saved", trainer(with_name, named_step))

    assert found.outcome == "not-run"
    assert found.reason.startswith("Orbax cannot hold its state")
