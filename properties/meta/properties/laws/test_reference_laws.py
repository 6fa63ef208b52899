"""The laws that only reference trainers are held to: they hold on one without a fault."""

import re

import jax
import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.references import LAWS
from frostproof.reference.corpus.register import specimens_in
from frostproof.reference.corpus.specimens.trainers import faulty_references as reference_trainers
from frostproof.reference.correct.trainers import linen_techniques


def test_each_law_has_a_faulty_trainer():
    """No law of the family is left without a fault that it finds."""
    faulty = specimens_in(reference_trainers)

    assert {fn.specimen.law for fn in faulty} == {law.id for law in LAWS}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.id)
def test_the_trainer_without_the_fault_is_not_accused(law):
    """What the specimens are made of breaks none of them."""
    effort = Effort(8, seed=0, shrinking=0)

    held = judge(BY_ID[law.id], linen_techniques.gradient_zeroing, effort, CallCache(), "sound")

    assert held.outcome == "held", held


SUBJECT = "frostproof.reference.correct.trainers.linen_techniques:gradient_zeroing"
FAULTY = {fn.specimen.law: fn for fn in specimens_in(reference_trainers)}
#: What would have to be otherwise in the program that a script runs: it then fails.
BREAKS = {
    "upstream-still-trains": (
        r"given\.append\(.*",
        "given.append({n: g / 2 for n, g in leaves(gradients).items()})",
    ),
    "unmatched-pattern-is-an-error": (r"subject\.trainer\(", "print("),
    "same-selection-for-every-representation": (
        r"selected\(training, 'run', subject\.frozen\)",
        "[]",
    ),
    "tied-weights-freeze-under-either-name": (r"(trainer\(architecture), \(.*?\)", r"\1, ('l4',)"),
    "techniques-agree": (
        r"optimizer = .*\n(?!(.|\n)*optimizer = )",
        "optimizer = optax.sgd(0.3)\n",
    ),
    "linen-equals-nnx": (
        r"optimizer = .*\n(?!(.|\n)*optimizer = )",
        "optimizer = optax.sgd(0.3)\n",
    ),
}


@pytest.mark.parametrize("law", FAULTY)
def test_its_script_asserts(law):
    """It passes on the trainer without the fault, and fails where the program is otherwise."""
    effort = Effort(60, seed=0, shrinking=0)
    script = judge(BY_ID[law], FAULTY[law], effort, CallCache(), SUBJECT).reproduce
    broken, count = re.subn(*BREAKS[law], script)

    assert count == 1
    try:
        exec(script, {})
        with pytest.raises(AssertionError):
            exec(broken, {})
    finally:
        jax.config.update("jax_disable_jit", False)
