"""A frozen set that depends on the step: how it is told from a predicate, and what is refused."""

import functools
from dataclasses import replace

import pytest

from frostproof.reference.corpus.accepted.lifetimes.in_phases import gradual_unfreezing
from frostproof.reference.observation.trainer_run import run_trainer
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.phases import LONGEST, at_step, beginnings, has_phases
from frostproof.reference.subjects.capability import Capability
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.trials.probe import probe


def test_a_function_of_the_step_is_told_by_the_name_of_its_argument():
    """Any other function is a predicate on paths."""
    assert has_phases(lambda step: ("base",))
    assert has_phases(lambda step, first=3: ("base",))
    assert has_phases(functools.partial(lambda step, first: ("base",), first=3))
    assert not has_phases(lambda step, first: ("base",))
    assert not has_phases(lambda path: path[0] == "base")
    assert not has_phases(lambda path, step: False)
    assert not has_phases(dict)
    assert not has_phases(("base",))


def test_the_phases_are_those_of_the_longest_run():
    """Each once, in the order of the steps; a trainer may ask for longer runs."""

    def late(step):
        return ("base",) if step <= LONGEST else ()

    assert beginnings(late) == {1: ("base",)}
    assert beginnings(late, [LONGEST + 1]) == {1: ("base",), LONGEST + 1: ()}
    assert beginnings(("base",)) == {1: ("base",)}
    assert at_step(late, LONGEST + 1) == ()
    assert at_step(("base",), 5) == ("base",)


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        (lambda step: [("base",), ()][step - 1], "raises IndexError for step 3 .* steps 1 to 64"),
        (lambda step: "base", r"write \('base',\)"),
        (lambda step: None, "must be a collection"),
    ],
)
def test_a_schedule_is_refused_before_anything_runs(frozen, message):
    """Where it raises or returns what is not a collection of patterns, in any step."""
    with pytest.raises(UnusableSubject, match=message):
        replace(gradual_unfreezing, frozen=frozen)


def test_a_later_phase_that_names_no_leaf_is_refused():
    """The paths are listed, as for any pattern."""
    trainer = replace(gradual_unfreezing, frozen=lambda step: ("base",) if step < 9 else ("bsae",))
    with pytest.raises(UnusableSubject, match=r"(?s)bsae.*base"):
        probe(trainer)


def test_a_predicate_may_cover_nothing_in_some_phases():
    """In all of them it is refused, as any other."""

    def named(*names):
        return lambda step: lambda path: path[0] in names[: 3 - step]

    trainer = replace(gradual_unfreezing, frozen=named("base", "mid"))
    assert Capability.TRAINER in probe(trainer).capabilities
    with pytest.raises(UnusableSubject, match="matches no leaf"):
        probe(replace(trainer, frozen=named("bsae")))


def test_a_function_of_another_name_is_told_what_it_is_called_with():
    """It is taken for a predicate."""
    trainer = replace(gradual_unfreezing, frozen=lambda epoch: ("base",) if epoch < 3 else ())
    with pytest.raises(UnusableSubject, match="numbers where its argument is called `step`"):
        probe(trainer)


def test_a_schedule_leaves_nothing_to_refreeze():
    """Both say what is frozen."""
    with pytest.raises(UnusableSubject, match="give one of them"):
        replace(gradual_unfreezing, refreeze=lambda state, frozen: state)


def test_each_step_is_judged_by_its_own_phase():
    """Steps are counted from 1."""
    rated = optimizer("sgd", learning_rate=0.1)
    run = run_trainer(gradual_unfreezing, TrainingProblem(0, rated, 2, 3, 0, actions=("step",) * 4))
    assert run.raised is None
    assert [sorted(path[0] for path in step.frozen) for step in run.steps] == [
        ["base", "mid"],
        ["base"],
        ["base"],
        [],
    ]
