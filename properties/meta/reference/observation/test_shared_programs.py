"""Trainings that are made of the same share one compiled step, and nothing but that."""

import itertools
from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.examples import SHARED
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.observation.compilations import compilations
from frostproof.reference.observation.run import run
from frostproof.reference.observation.shared_programs import may_share
from frostproof.reference.optimizers.declared import Optimizers
from frostproof.reference.optimizers.optimizer import OWN, optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.paths import normalise
from frostproof.reference.subjects.linen_trainer import LinenTrainer
from frostproof.reference.subjects.nnx_trainer import NnxTrainer
from frostproof.strategies.optimizers import every_common

PROBLEM = TrainingProblem(1, OWN, 2, 3, 3, actions=("step", "step"))


def apply(params, x):
    return x @ params["body"] @ params["head"]


def mse(prediction, y):
    return jnp.mean((prediction - y) ** 2)


def weights(seed):
    draw = np.random.default_rng(seed).normal
    return {name: jnp.asarray(draw(size=size), jnp.float32) for name, size in SIZES.items()}


SIZES = {"body": (3, 4), "head": (4, 1)}


def freezing(trained):
    """Return what freezes the body around an optimizer: another object each time."""

    def labels(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if "body" in normalise(path) else "trained", params
        )

    return optax.multi_transform({"trained": trained, "frozen": optax.set_to_zero()}, labels)


def making(tx):
    """Return a trainer that makes its optimizer by `tx(seed, optimizer)` in each `create`."""

    def create(seed, batch, optimizer):
        return TrainState.create(apply_fn=apply, params=weights(seed), tx=tx(seed, optimizer))

    @jax.jit
    def train_step(state, batch):
        def loss(params):
            return mse(state.apply_fn(params, batch.x), batch.y)

        value, gradients = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=gradients), value

    return LinenTrainer(create, train_step, frozen=("body",))


def nnx_making(tx):
    """Return the same in NNX."""

    class Model(nnx.Module):
        def __init__(self, seed):
            for name, leaf in weights(seed).items():
                setattr(self, name, nnx.Param(leaf))

    def create(seed, batch, optimizer):
        model = Model(seed)
        return model, nnx.Optimizer(model, tx(seed, optimizer), wrt=nnx.Param)

    @nnx.jit
    def train_step(model, optimizer, batch):
        def loss(model):
            return mse(batch.x @ model.body[...] @ model.head[...], batch.y)

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    return NnxTrainer(create, train_step, frozen=("body",))


def sharing(**changes):
    """Return a problem that is not one of those which run as they are."""
    problems = (replace(PROBLEM, fill=fill, **changes) for fill in range(100))
    return next(each for each in problems if may_share(making(None), each))


def programs(trainer, problems):
    """Run problems and return how many programs their steps took, and whether each was shared."""
    ran = [run(trainer, problem, shared=True, predicted=False) for problem in problems]
    assert not any(each.raised for each in ran)
    return sum(sum(each.compilations) for each in ran), [each.shared for each in ran]


def same(one, other):
    return all(
        np.array_equal(one.last.params[path].array, other.last.params[path].array)
        for path in one.last.params
    )


@pytest.mark.parametrize("made", [making, nnx_making])
def test_an_optimizer_that_is_made_anew_takes_one_program(made):
    """What it computes stays the same to the bit."""
    trainer = made(lambda seed, optimizer: freezing(optax.adam(0.1)))
    problems = [sharing(seed=seed) for seed in (1, 2, 3, 4)]

    assert programs(trainer, problems[:1])[0] > 0
    assert programs(trainer, problems[1:]) == (0, [True] * 3)
    for problem in problems[1:]:
        assert same(run(trainer, problem, shared=True), run(trainer, problem))


def test_a_form_of_an_optimizer_takes_one_program():
    """Its numbers are part of the state: of each training the right ones, which it trains by."""
    trainer = making(lambda seed, optimizer: freezing(optimizer))
    problems = [
        sharing(optimizer=optimizer("adamw", weight_decay=decay).at_rate(rate))
        for decay in (0.1, 1e-4)
        for rate in (1.0, 0.1, 1e-3)
    ]

    assert programs(trainer, problems[:1])[0] > 0
    assert programs(trainer, problems[1:])[0] == 0
    for problem in problems:
        one, other = (run(trainer, problem, shared=shared) for shared in (True, False))
        for path in one.last.params:
            pair = (each.last.params[path].array for each in (one, other))
            np.testing.assert_allclose(*pair, rtol=1e-5)


@pytest.mark.parametrize(
    ("promise", "optimizers"),
    [(Optimizers("adam"), (optimizer("adam"),)), ("common", every_common())],
    ids=["of few", "of many"],
)
def test_one_problem_in_ten_runs_as_it_is(promise, optimizers):
    """Of small numbers too, which are drawn most."""
    trainer = making(lambda seed, optimizer: freezing(optimizer))
    promising = replace(trainer, optimizers=promise)
    problems = [
        replace(PROBLEM, optimizer=each, seed=seed, fill=fill)
        for each in optimizers
        for seed in range(20)
        for fill in range(20)
    ]

    as_they_are = sum(not may_share(promising, problem) for problem in problems)

    assert 0.05 <= as_they_are / len(problems) <= 0.15
    for problem in problems[:12]:
        assert run(promising, problem, shared=True).shared == may_share(promising, problem)


def test_most_that_run_as_they_are_are_under_few_optimizers():
    """So that a program that is the same for all trainings is compiled for those few alone."""
    trainer = making(lambda seed, optimizer: freezing(optimizer))
    problems = [
        replace(PROBLEM, optimizer=each, fill=fill) for each in every_common() for fill in range(50)
    ]

    under = Counter(each.optimizer for each in problems if not may_share(trainer, each))

    often = [each for each, count in under.items() if count > 10]
    assert 0 < len(often) < len(every_common()) / 4
    assert sum(under[each] for each in often) > 0.7 * under.total()


@pytest.mark.parametrize("made", [making, nnx_making])
def test_static_parts_that_depend_on_the_seed_are_not_shared(made):
    """A number in a closure is part of what a program is."""
    trainer = made(lambda seed, optimizer: freezing(optax.sgd(0.1 * seed)))
    problems = [sharing(seed=seed) for seed in (1, 2, 3)]

    assert programs(trainer, problems)[0] >= 3
    assert all(same(run(trainer, p, shared=True), run(trainer, p)) for p in problems)


def test_a_trainer_whose_state_shows_no_optimizer_is_handed_plain_ones():
    """What cannot be seen cannot be trusted to hold the right numbers."""
    trainer = replace(making(lambda seed, optimizer: optimizer), opt_state=lambda state: None)
    problem = replace(PROBLEM, optimizer=optimizer("adam"))

    assert [run(trainer, replace(problem, fill=fill), shared=True).shared for fill in (1, 2)] == [
        False,
        False,
    ]


@pytest.mark.parametrize("convert", [lambda leaf: leaf, np.asarray], ids=["in JAX", "in NumPy"])
def test_predictions_share_a_program_where_they_can(convert):
    """They are the same but for rounding; a program in NumPy predicts as it is."""

    def predict(state, x):
        return apply({name: convert(leaf) for name, leaf in state.params.items()}, x)

    trainer = replace(making(lambda seed, optimizer: freezing(optimizer)), predict=predict)

    for seed in (1, 2):
        one, other = (run(trainer, sharing(seed=seed), shared=shared) for shared in (True, False))
        assert one.raised is other.raised is None
        np.testing.assert_allclose(
            one.steps[0].prediction, other.steps[0].prediction, rtol=1e-5, atol=1e-6
        )


def counting(seed, optimizer):
    """Make an optimizer that counts in a closure, and stops after two updates."""
    made, count = optax.sgd(0.1), [0]

    def update(gradients, state, params=None):
        count[0] += 1
        return jax.tree.map(lambda leaf: -0.1 * leaf * (count[0] <= 2), gradients), state

    return optax.GradientTransformation(made.init, update)


def test_what_a_training_changes_is_its_own():
    """A counter in a closure does not go on counting in the next training."""
    compiled = making(counting)
    trainer = replace(compiled, train_step=compiled.train_step.__wrapped__)
    problems = [sharing(seed=seed, actions=("step",) * 3) for seed in (1, 2, 3)]

    assert all(same(run(trainer, p, shared=True), run(trainer, p)) for p in problems)


def knowing(moves):
    """Return a trainer whose step knows whose optimizer it is handed: it moves the body for any but
    the last that was made, and where a batch says so.
    """
    made = []

    def tx(seed, optimizer):
        made.append(freezing(optimizer))
        return made[-1]

    trainer = making(tx)

    def train_step(state, batch):
        new, loss = trainer.train_step(state, batch)
        if state.tx is not made[-1] or moves(batch):
            new = new.replace(params={**new.params, "body": new.params["body"] + 1})
        return new, loss

    return replace(trainer, train_step=train_step)


def test_a_training_that_shares_is_not_accused_of_it():
    """What only a shared program shows is not refuted."""
    subject = knowing(lambda batch: False)

    verdict = judge(BY_ID["frozen-value"], subject, Effort(20, seed=0), CallCache(), "knowing")

    assert verdict.outcome == "held"
    assert 0 < verdict.labels.get(SHARED, 0) < verdict.examples


def test_a_counterexample_is_what_the_program_shows_as_it_is():
    """A smaller one that only a shared program shows is none."""
    subject = knowing(lambda batch: len(batch.x) == 7)

    verdict = judge(BY_ID["frozen-value"], subject, Effort(60, seed=0), CallCache(), "knowing")

    assert verdict.outcome == "refuted"
    assert NOT_REPEATABLE not in verdict.reason
    assert [problem["rows"] for problem in verdict.counterexample.problems] == [7]


def test_a_failure_that_was_seen_as_it_is_stands():
    """Also where the smallest does not recur, and a second drawing finds nothing."""
    plain, steps = making(lambda seed, optimizer: freezing(optimizer)), itertools.count()

    def train_step(state, batch):
        new, loss = plain.train_step(state, batch)
        warms_up = 10 < next(steps) < 30 and len(batch.x) > 1
        moved = new.params["body"] + warms_up
        return new.replace(params={**new.params, "body": moved}), loss

    subject = replace(plain, train_step=train_step)

    verdict = judge(BY_ID["frozen-value"], subject, Effort(30, 2, proofs=True), CallCache(), "warm")

    assert verdict.outcome == "refuted"
    assert NOT_REPEATABLE in verdict.reason


class Counted(CallCache):
    """Counts runs by whether they may share a program."""

    def __init__(self):
        super().__init__()
        self.runs = Counter()

    def run(self, subject, problem, *, shared=True, **how):
        """Run a subject on a problem."""
        self.runs[shared] += 1
        return super().run(subject, problem, shared=shared, **how)


def test_of_the_failures_on_the_way_to_the_smallest_only_the_first_is_compiled():
    """And the smallest, in its own memory."""
    memory, plain = Counted(), making(lambda seed, optimizer: freezing(optimizer))

    def train_step(state, batch):
        new, loss = plain.train_step(state, batch)
        moved = new.params["body"] + (len(batch.x) == 7)
        return new.replace(params={**new.params, "body": moved}), loss

    subject = replace(plain, train_step=train_step)

    verdict = judge(BY_ID["frozen-value"], subject, Effort(60, seed=0), memory, "leaking")

    assert verdict.outcome == "refuted"
    assert memory.runs[False] == 1
    assert memory.runs[True] > 5


def test_each_form_and_shape_is_compiled_once(monkeypatch):
    """Counted over a law: two programs at most, and one more for each example that ran as it is."""
    # A process in which many tests ran may hold so many programs that it forgets these, too.
    monkeypatch.setattr("frostproof.reference.observation.compilations._next_look", 10**9)
    trainer, cache = making(lambda seed, optimizer: freezing(optimizer)), CallCache()
    before = compilations()
    verdict = judge(BY_ID["frozen-value"], trainer, Effort(60, seed=0), cache, "many")
    warm = compilations()
    judge(BY_ID["frozen-bits"], trainer, Effort(60, seed=0), CallCache(), "many")
    assert verdict.outcome == "held"
    as_it_is = 60 - verdict.labels[SHARED]
    assert compilations() - warm <= 2 * as_it_is + 2
    assert warm > before
