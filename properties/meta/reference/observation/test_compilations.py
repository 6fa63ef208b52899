"""What is compiled is counted, and given back; nothing of ours compiles for each example."""

import gc
from dataclasses import replace
from types import SimpleNamespace

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference import linen, nnx
from frostproof.reference.correct import wrappers as optax_wrappers
from frostproof.reference.observation import compilations
from frostproof.reference.observation.run import run
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.optimizers import common
from frostproof.strategies.problems import exercises
from frostproof.strategies.problems.trainings import problems
from frostproof.strategies.values import EDGES


def test_programs_are_given_back_when_there_are_many(monkeypatch):
    """A function compiles again afterwards, and not before."""
    counted = []
    program = jax.jit(lambda x: counted.append(x) or x + 1)
    monkeypatch.setattr(compilations, "_next_look", 0)
    compilations.forget_programs()

    program(1.0)
    compilations.forget_programs()
    program(1.0)
    assert len(counted) == 1
    monkeypatch.setattr(compilations, "_MOST", -1)
    compilations.forget_programs()  # it has only just looked
    program(1.0)
    assert len(counted) == 1
    monkeypatch.setattr(compilations, "_next_look", 0)
    compilations.forget_programs()
    program(1.0)
    assert len(counted) == 2


def test_programs_are_given_back_when_the_process_has_grown(monkeypatch):
    """Since the last time, or since it began: a model of any size may be held all the while."""
    held = [500]
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=held[0]))
    monkeypatch.setattr(compilations.psutil, "Process", lambda: process)
    monkeypatch.setattr(compilations, "_GROWTH", 100)
    monkeypatch.setattr(compilations, "_least", 0)
    traced = []
    program = jax.jit(lambda x: traced.append(x) or x + 1)

    def is_given_back(now):
        before = len(traced)
        held[0] = now
        monkeypatch.setattr(compilations, "_next_look", 0)
        compilations.forget_programs()
        program(1.0)
        return len(traced) > before

    program(1.0)
    found = [is_given_back(now) for now in (500, 550, 450, 550, 551, 551, 651, 652)]

    assert found == [False, False, False, False, True, False, False, True]


def test_what_programs_were_lowered_to_is_given_back_before_them(monkeypatch):
    """A program needs it no more: without it, it runs without being compiled again."""

    def lowered():
        return sum(
            type(each).__name__ == "MeshComputation" and each._hlo is not None
            for each in gc.get_objects()
        )

    monkeypatch.setattr(compilations, "_next_look", 0)
    compilations.forget_programs()
    gc.collect()
    kept = lowered()
    program = jax.jit(lambda x: x + 1)
    program(1.0)
    assert lowered() > kept
    before = compilations.compilations()

    monkeypatch.setattr(compilations, "_next_look", 0)
    compilations.forget_programs()

    gc.collect()
    assert lowered() == kept
    assert float(program(1.0)) == 2
    assert compilations.compilations() == before


def test_they_are_given_back_within_a_law(monkeypatch):
    """A run of 1,314 examples was seen to die of one law: XLA ended with SIGSEGV."""
    looks = []
    monkeypatch.setattr(compilations, "forget_programs", lambda: looks.append(None))
    exercise = Exercise(linen.freeze_first_dense, "linen")

    verdict = judge(BY_ID["answer-shape"], exercise, Effort(5, seed=0), CallCache(), "linen")

    assert len(looks) == verdict.examples == 5


@pytest.mark.parametrize(
    "exercise",
    [Exercise(linen.freeze_first_dense, "linen"), Exercise(nnx.freeze_first_dense, "nnx")],
    ids=lambda exercise: exercise.api,
)
@settings(max_examples=15, derandomize=True, database=None, deadline=None)
@given(data=st.data())
def test_an_exercise_compiles_for_shapes_and_not_for_examples(exercise, data):
    """Another seed, learning rate and batch of the same shape run what is compiled already."""
    problem = data.draw(exercises.problems(exercise, EDGES[:4]))
    other = replace(problem, seed=problem.seed ^ 1, fill=problem.fill ^ 1, learning_rate=0.25)
    run(exercise, problem)
    before = compilations.compilations()
    call = run(exercise, other)
    assert call.raised is None
    assert compilations.compilations() == before


@pytest.mark.parametrize(
    "wrapper", optax_wrappers.WRAPPERS, ids=lambda wrapper: wrapper.fn.__name__
)
@settings(max_examples=15, derandomize=True, database=None, deadline=None)
@given(data=st.data())
def test_a_wrapper_compiles_for_structures_and_not_for_examples(wrapper, data):
    """Other parameters and gradients of the same tree run what is compiled already."""
    problem = data.draw(problems(wrapper, common()))
    run(wrapper, problem)
    before = compilations.compilations()
    trajectory = run(wrapper, replace(problem, fill=problem.fill ^ 1))
    assert len(trajectory.steps) == problem.steps
    assert compilations.compilations() == before


def test_a_process_that_is_full_says_so(monkeypatch):
    """Hypothesis does not take it for a failure of the law."""
    for name, value in {"_MOST": -1, "_CROWDED": -1, "_next_look": 0}.items():
        monkeypatch.setattr(compilations, name, value)
    exercise = Exercise(linen.freeze_first_dense, "linen")

    with pytest.raises(compilations.ProcessIsFull):
        judge(BY_ID["answer-shape"], exercise, Effort(5, seed=0), CallCache(), "linen")
