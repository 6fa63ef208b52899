"""What `copies=` may say, which leaves it finds, and what it is told where it finds none."""

import functools
from dataclasses import replace

import pytest

from frostproof.properties.laws.followers import copies_follow
from frostproof.properties.laws.law import Refutation
from frostproof.reference.corpus.accepted.lifetimes import following_copies as programs
from frostproof.reference.observation.trainer_run import run_trainer
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.following import Copy, copied_params, find_copies, read_copies
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.trials.probe import probe

PROBLEM = TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0)


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        ("target", "must be a dict, got 'target': such as"),
        ({"target": ("params", "online")}, "must be a number above 0 and at most 1"),
        ({"target": ("params", 0)}, "must be a number above 0 and at most 1, or a function"),
        (
            {"target": ("params", lambda number: 1)},
            r"function whose argument is called `step`, got <lambda>.number.$",
        ),
        ({"target": ["params"]}, "`copies` has 'target': .'params'.: write it such as"),
        ({("target",): "params"}, "write it such as"),
    ],
)
def test_what_says_nothing_is_refused(copies, message):
    """As the trainer is made."""
    with pytest.raises(UnusableSubject, match=message):
        replace(programs.polyak_target, copies=copies)


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        ({"tarhet": "params"}, r"(?s)tarhet.*target"),
        ({"tar*": "params"}, r"knows no wildcards: name the layer, [^,]* below it\): the leaves"),
        (
            {"nowhere": "params"},
            r"`nowhere` .* matches no leaf: the leaves are (?!.*frostproof_).* names goes",
        ),
        ({"target": "params/head"}, "target/base follows params/head/base, which the state does"),
    ],
)
def test_what_names_nothing_is_refused(copies, message):
    """With the paths of the state, or the leaf that has nothing to follow."""
    with pytest.raises(UnusableSubject, match=message):
        probe(replace(programs.polyak_target, copies=copies))


def test_what_follows_is_not_frozen():
    """It would have to stay and to move."""
    with pytest.raises(UnusableSubject, match="both name target/base: what follows does not stay"):
        probe(replace(programs.copied_every_third_step, frozen=("target",)))


def test_leaves_are_named_as_the_program_has_them():
    """Below a module the engine knows another place; a rate may depend on the step."""
    leaves = [("0", "student", "w"), ("0", "teacher", "w"), ("1", "ema", "w")]
    rate = functools.partial(lambda step, first: first / step, first=1)
    declared = read_copies({"teacher": ("student", rate), "ema": "student"})
    first, second = find_copies(declared, leaves, [("0",), ("1",)])

    assert (first.path, first.followed) == (leaves[1], leaves[0])
    assert first.names == ("teacher/w", "student/w")
    assert first.rate_at(4) == 0.25
    assert (first.rate_at(1), first.is_exact, second.is_exact) == (1.0, False, True)
    assert (second.path, second.rate_at(4)) == (leaves[2], 1.0)


def test_parameters_that_follow_are_told_from_copies_of_all_of_them():
    """Those are neither frozen nor trained."""
    params = [("online", "w"), ("target", "w")]
    inside = [("params", *path) for path in params]
    beside = [*inside, *(("average", *path) for path in params)]
    within = find_copies(read_copies({"params/target": "params/online"}), inside, [()])
    outside = find_copies(read_copies({"average": "params"}), beside, [()])

    assert copied_params(params, inside, within) == {("target", "w")}
    assert copied_params(params, beside, outside) == frozenset()


def test_a_step_knows_what_follows():
    """In a module, in parameters, and beside them."""
    pair = run_trainer(programs.copied_every_third_step, PROBLEM).steps[0]
    assert pair.copies == {("target", "base"), ("target", "head")}
    assert pair.trainable == {("online", "base"), ("online", "head")}

    distilled = run_trainer(programs.teacher_with_statistics, PROBLEM).steps[0]
    assert {path[0] for path in distilled.copies} == {"teacher"}
    assert {path[:2] for path in distilled.trainable} == {("student", "dense"), ("student", "norm")}

    assert not run_trainer(programs.polyak_target, PROBLEM).steps[0].copies


@pytest.mark.parametrize(
    ("followed", "said"),
    [
        ("params", "the exact copy of params/base"),
        (("params", 0.5), "0.5 of the way in each step to params/base"),
        (("params", lambda step: 0.5 / step), "0.5 of the way in step 1 to params/base"),
        (("params", lambda step: 1 / step), "all of the way in step 1 to params/base"),
    ],
)
def test_where_a_copy_has_to_be_is_said_by_its_rate(followed, said):
    """One that goes a twentieth of the way is not there."""
    trajectory = run_trainer(replace(programs.polyak_target, copies={"target": followed}), PROBLEM)
    with pytest.raises(Refutation, match=said):
        copies_follow.check(trajectory)


@pytest.mark.parametrize(
    ("rate", "settled"),
    [
        (0.1, None),
        (lambda step: 0.1 / (1 - 0.9**step), 0.1),
        (lambda step: max(1 / step, 0.01), 0.01),
        (lambda step: 1 / step, None),
        (lambda step: float(step % 100 == 0), None),
        (lambda step: [1, 0.5][step], None),
    ],
    ids=["a number", "debiased", "warmed up", "a mean", "at times", "a table"],
)
def test_a_rate_may_settle(rate, settled):
    """After very many steps, of which a table knows nothing."""
    assert Copy(("copy",), ("leaf",), rate).settled_rate == settled


def test_a_debiased_average_may_be_off_by_its_divisor():
    """The program computes in float32 what is left of 1 after a decay of 0.999."""
    copies_follow.check(run_trainer(programs.debiased_average, PROBLEM))
