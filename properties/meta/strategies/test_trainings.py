"""What problems of trainers are drawn from: how long they are, and what is compiled for them."""

from collections import defaultdict
from dataclasses import replace

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from flax.training.train_state import TrainState
from hypothesis import HealthCheck, settings

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.correct.trainers.linen_techniques import multi_transform
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.architecture_pool import EVERY, NORMALISED, PLAIN
from frostproof.reference.problems.training_problem import Drawn, TrainingProblem
from frostproof.reference.pytrees.paths import matches
from frostproof.reference.trials.probe import probe
from frostproof.strategies.problems import trainings
from frostproof.strategies.problems.kept_optimizers import kept_under
from frostproof.strategies.problems.variations import on_other_batches

SIZES = {(2, 3), (1, 1), (7, 3)}
SIZES_OF_OTHERS = {(2, 3), (1, 3), (7, 3)}


def drawn(strategy, examples=300, seed=0):
    """Return the first problem of each example."""
    found = []

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(strategy)
    def collect(problems):
        found.append(problems[0])

    collect()
    return found


def lengths(strategy, *expected):
    """Return how long runs are, drawn until all that are expected were drawn, or often enough.

    One in forty is of 64 steps; by one seed of ten none of 300 is, and what Hypothesis draws by a
    seed depends on what was imported.
    """
    found = set()
    for seed in range(20):
        found |= {problem.steps for problem in drawn(strategy, seed=seed)}
        if found >= set(expected):
            break
    return found


@pytest.fixture(scope="module")
def trainer():
    """Return a trainer that promises the common set, and takes the optimizer that it is handed."""

    def create(seed, batch, optimizer):
        params = {name: jnp.ones((batch.x.shape[1], 1)) for name in ("body", "head")}
        return TrainState.create(apply_fn=None, params=params, tx=optimizer)

    def train_step(state, batch):
        gradients = {name: jnp.zeros_like(leaf) for name, leaf in state.params.items()}
        gradients["head"] += batch.x.mean(0)[:, None]
        return state.apply_gradients(grads=gradients), 0.0

    return LinenTrainer(create, train_step, frozen=("body",))


def test_long_runs_are_in_the_stream_that_laws_share(trainer):
    """There alone, since each takes as many steps as twenty others; all others reach eight."""
    usual = {1, 2, 3, 4, 8}

    assert lengths(trainings.single(trainer), *usual, 16, 64) == {*usual, 16, 64}
    assert lengths(trainings.single(multi_transform), *usual, 16) == {*usual, 16}
    assert lengths(trainings.at_extreme_rates(trainer), *usual) == usual


def test_runs_of_a_large_program_are_as_long_as_memory_is_for(monkeypatch, trainer):
    """A moment of a step holds its bytes; a run of four steps, or to the last phase, always is."""

    def longest(most, expected, frozen=("body",)):
        monkeypatch.setattr(trainings, "_MOST_BYTES", most)
        return max(lengths(trainings.single(replace(trainer, frozen=frozen)), expected))

    held = probe(trainer).step_bytes
    assert held > 0
    assert longest(20 * held, 20) == 20
    assert longest(held, 4) == 4
    assert longest(held, 12, lambda step: ("body",) if step <= 10 else ()) == 12


def test_some_runs_reach_the_last_phase(trainer):
    """What thaws late trains in them, be it by every other update; not where they are too long."""

    def longer(frozen, *expected, strategy=trainings.at_extreme_rates):
        return lengths(strategy(replace(trainer, frozen=frozen)), *expected) - {1, 2, 3, 4, 8}

    def late(step):
        return ("body",) if step <= 10 else ()

    assert longer(late, 12) == {12}
    assert longer(late, 12, 16, 64, strategy=trainings.single) == {12, 16, 64}
    assert longer(lambda step: ("body",) if step % 2 else ()) == set()
    assert longer(lambda step: ("body",) if step <= 63 else ()) == set()


def test_an_optimizer_of_many_is_compiled_for_one_size(trainer):
    """All sizes are drawn, but only the plainest optimizer meets each of them."""
    sizes = defaultdict(set)
    for problem in drawn(trainings.single(trainer), 1000):
        inner = problem.optimizer.inner
        sizes[problem.optimizer.name, inner and inner.name].add((problem.rows, problem.features))

    assert sizes.pop(("sgd", None)) == SIZES
    assert all(len(each) == 1 for each in sizes.values())
    assert set.union(*sizes.values()) == SIZES_OF_OTHERS


def test_an_optimizer_in_the_place_of_another_meets_its_own_size(trainer):
    """A law that is not about an optimizer puts another there, and compiles nothing more for it."""
    sizes = defaultdict(set)
    for strategy, varied in (
        (trainings.single, lambda trainer, drawn: drawn),
        (trainings.single, kept_under(lambda each: "adam" in each.name)),
    ):
        for problem in drawn(strategy(trainer)):
            (problem,) = varied(trainer, (problem,))
            sizes[problem.optimizer].add((problem.rows, problem.features))

    assert max(len(each) for one, each in sizes.items() if "adam" in one.name) == 1


def test_an_optimizer_of_few_is_compiled_for_all_sizes(trainer):
    """A program that promises one optimizer is judged by it on all of them."""
    promising = replace(trainer, optimizers=Optimizers("adamw"))

    sizes = {(each.rows, each.features) for each in drawn(trainings.single(promising), 100)}

    assert sizes == SIZES


def test_an_architecture_is_compiled_for_one_size():
    """All are drawn; the plainest on batches of all sizes, by any optimizer."""
    sizes = defaultdict(set)
    for strategy in (trainings.single, trainings.with_statistics):
        for problem in drawn(strategy(multi_transform)):
            sizes[problem.architecture].add((problem.rows, problem.features))

    assert sizes.keys() == set(EVERY)
    assert sizes.pop(PLAIN[0]) == SIZES
    assert sizes[NORMALISED] == {(7, 3)}  # of a single row, nothing before a norm trains
    assert all(len(each) == 1 for each in sizes.values())
    assert set.union(*sizes.values()) == SIZES_OF_OTHERS


def test_statistics_are_drawn_with_a_frozen_one():
    """Each of the few examples that a reference gets says something of the law of these."""
    norms = [layer for layer in NORMALISED.layers if layer.kind == "norm"]

    frozen = [problem.frozen for problem in drawn(trainings.with_statistics(multi_transform))]

    named = [[matches(layer.path, each) for layer in norms] for each in frozen]
    assert {tuple(each) for each in named} == {(True, False), (False, True), (True, True)}
    assert {("l1",), ("l1/dense", "l1/norm")} <= set(frozen)


@pytest.mark.parametrize(("batches", "runs"), [((0,), 1), ((0, 0), 1), ((0, 1), 2)])
def test_a_problem_of_one_batch_has_no_other(batches, runs):
    """Of a strategy's own batches one may be drawn, or the same twice."""
    sgd = optimizer("sgd", learning_rate=0.1)
    own = tuple(Drawn(np.full(3, number)) for number in batches)
    vary = on_other_batches(lambda subject, drawn: drawn)

    assert len(vary(None, (TrainingProblem(0, sgd, 2, 3, 0, batches=own),))) == runs
