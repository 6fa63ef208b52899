"""The references by name: all are there, and those that are many get fewer examples."""

import pytest

from frostproof.properties.plan.profiles import PROFILES
from frostproof.properties.plan.run_settings import RunSettings
from frostproof.reference.correct import wrappers as optax_wrappers
from frostproof.reference.correct.trainers import linen_techniques as linen_trainers
from frostproof.reference.correct.trainers import nnx_techniques as nnx_trainers
from frostproof.reference.subjects import targets as references
from frostproof.reference.subjects.loading import load
from frostproof.reference.subjects.naming import target_of


def test_no_reference_is_left_out():
    """What is judged where nothing is named is all that the modules hold."""
    held = (*linen_trainers.TRAINERS, *nnx_trainers.TRAINERS, *optax_wrappers.WRAPPERS)
    named = [load(name) for name in (*references.TRAINERS, *references.WRAPPERS)]

    assert all(any(subject is each for each in named) for subject in held)
    assert len(named) == len(held)


@pytest.mark.parametrize("name", ["train.py:step", *references.EXERCISES])
def test_code_under_test_gets_all_examples(name):
    """As do the exercises, which are quick."""
    profile = PROFILES["ci"]

    effort = RunSettings.of(profile=profile).effort(name, lambda examples: None)

    assert effort.max_examples == profile.max_examples


@pytest.mark.parametrize("subject", [linen_trainers.TRAINERS[0], optax_wrappers.WRAPPERS[0]])
def test_reference_trainers_and_wrappers_get_fewer(subject):
    """Unless a number is asked for."""
    profile = PROFILES["ci"]

    def examples(**asked):
        settings = RunSettings.of(profile=profile, **asked)
        return settings.effort(target_of(subject), lambda examples: None).max_examples

    assert examples() == profile.reference_examples < profile.max_examples
    assert examples(max_examples=40) == 40
