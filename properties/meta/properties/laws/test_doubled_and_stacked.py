"""Parameters that are there twice, and states that are stacked: no fault of a program."""

from dataclasses import replace

import jax
import pytest

from frostproof import verify
from frostproof.reference.corpus.accepted.trainers.linen_steps import multi_transform
from frostproof.reference.corpus.accepted.trainers.plain_trees import ensemble, lookahead_over_all
from frostproof.reference.observation.trainer_run import reweigh
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.comparison import same_bits
from frostproof.reference.pytrees.snapshot import snapshot

SGD = optimizer("sgd", learning_rate=0.1)
PATHS = (("fast", "body", "0"), ("slow", "body", "0"))


@pytest.mark.parametrize("trainer", [ensemble, lookahead_over_all], ids=["ensemble", "lookahead"])
def test_no_frozen_leaf_of_them_moves(trainer):
    """With other weights, too: fast and slow ones are drawn alike."""
    report = verify(trainer, laws=["frozen-value"], max_examples=12, seed=1)

    assert report.rows[0].verdict in ("held", "proved"), report.rows[0]


def test_of_a_stack_of_optimizers_it_is_said_that_nothing_was_recorded():
    """Each array holds the state of three."""
    (row,) = verify(ensemble, laws=["trains-as-if-alone"], max_examples=4, seed=1).rows

    assert row.verdict == "not-run"
    assert "once, outside `jax.vmap` and `jax.pmap`" in row.reason


def _raising():
    raise OSError("no such file")


def test_a_keyword_that_raises_is_named():
    """And not `create`, which ran before it."""
    trainer = replace(multi_transform, initial=_raising)
    (row,) = verify(trainer, laws=["training-runs"], max_examples=4, seed=1).rows

    assert row.verdict == "error"
    assert row.reason.startswith("`initial` raised OSError")


def drawn(frozen):
    """The fast and the slow weights of a first layer, drawn anew where these leaves are frozen."""
    problem = TrainingProblem(0, SGD, 2, 3, 7, weights="redrawn")
    training = lookahead_over_all.begin(0, problem.batch(1), SGD.transformation)
    reweigh(training, problem, frozenset(path for path in PATHS if frozen(path)))
    leaves = snapshot(training.params())
    return [leaves[path].array for path in PATHS]


def test_a_teacher_is_not_drawn_like_its_student():
    """Only what is frozen alike is: between equals nothing would be left to learn."""
    assert same_bits(*drawn(lambda path: True))
    assert not same_bits(*drawn(lambda path: "slow" in path))


def test_weights_beside_a_key_are_drawn_anew():
    """A key of JAX is not a number, and stays."""

    def create(seed, batch, optimizer):
        state = multi_transform.create(seed, batch, optimizer)
        return state.replace(params={**state.params, "noise": jax.random.key(seed)})

    problem = TrainingProblem(0, SGD, 2, 3, 7, weights="redrawn")
    training = replace(multi_transform, create=create).begin(
        0, problem.batch(1), SGD.transformation
    )
    before = snapshot(training.params())
    reweigh(training, problem, frozenset())
    after = snapshot(training.params())

    moved = {path for path in before if not same_bits(before[path].array, after[path].array)}
    assert moved == before.keys() - {("noise",)}
