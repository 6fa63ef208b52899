"""What is compiled is counted, and given back; nothing of ours compiles for each example."""

from dataclasses import replace

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.reference import compilations, optax_wrappers
from frostproof.strategies.optimizers import common
from frostproof.strategies.training import problems


def test_programs_are_given_back_when_there_are_many(monkeypatch):
    """A function compiles again afterwards, and not before."""
    counted = []
    program = jax.jit(lambda x: counted.append(x) or x + 1)
    compilations.forget_programs()

    program(1.0)
    compilations.forget_programs()
    program(1.0)
    assert len(counted) == 1
    monkeypatch.setattr(compilations, "_MOST", -1)
    compilations.forget_programs()
    program(1.0)
    assert len(counted) == 2


@pytest.mark.parametrize(
    "wrapper", optax_wrappers.WRAPPERS, ids=lambda wrapper: wrapper.fn.__name__
)
@settings(max_examples=30, derandomize=True, database=None, deadline=None)
@given(data=st.data())
def test_a_wrapper_compiles_for_structures_and_not_for_examples(wrapper, data):
    """Other parameters and gradients of the same tree run what is compiled already."""
    problem = data.draw(problems(wrapper, common()))
    wrapper.run(problem)
    before = compilations.compilations()
    trajectory = wrapper.run(replace(problem, fill=problem.fill ^ 1))
    assert len(trajectory.steps) == problem.steps
    assert compilations.compilations() == before
