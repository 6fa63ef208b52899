"""Counterexamples shrink: to two rows and two features, seed 0, one step and two leaves, unless a
specimen declares that its fault needs more. A sample; the kill matrix looks at every specimen.
"""

from importlib import import_module

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements.kills import Unhurried, first_failure, size_of
from frostproof.reference.corpus.specimens import MODULES, TRAINING_MODULES
from frostproof.reference.corpus.specimens.specimen import SMALLEST, Needs, specimens_of
from frostproof.reference.subjects.loading import as_subject

SAMPLE = (
    "answers:at_most_sixteen_rows",
    "hidden_state:weights_kept_by_shape",
    "norms:spectral_norm",
    "rows:late_rows_weigh_more",
    "rows:last_row_dropped_nnx",
    "seeds:seed_of_16_bits",
    "shapes:relu_on_the_prediction",
    "transformations:leak_from_step_three",
    "transformations:two_levels_deep",
    "transformations:leaves_by_last_name",
    "masks:state_for_frozen_leaves",
    "masks:tiny_rate_for_frozen_leaves",
    "trainer_losses:last_row_left_out",
)


def specimen_of(id):
    module, _, name = id.partition(":")
    file = next(each for each in (*MODULES, *TRAINING_MODULES) if each.endswith(f".{module}"))
    return specimens_of(import_module(file))[name]


@pytest.mark.parametrize("id", SAMPLE)
def test_a_counterexample_is_no_larger_than_the_fault_needs(id):
    """Found with the first seed, and shrunk."""
    fn = specimen_of(id)
    subject, law = as_subject(fn, fn.specimen.kind), BY_ID[fn.specimen.law]

    verdict = judge(law, subject, Unhurried(max_examples=100, seed=0), CallCache(), id)
    size = size_of(verdict.counterexample.problems)

    assert not fn.specimen.too_large(size), size


@pytest.mark.parametrize("id", ["rows:last_row_dropped", "transformations:one_ulp"])
def test_the_kill_matrix_counts_as_the_engine_does(id):
    """The same seed finds the failure at the same example."""
    fn = specimen_of(id)
    subject, law = as_subject(fn, fn.specimen.kind), BY_ID[fn.specimen.law]

    verdict = judge(law, subject, Unhurried(100, seed=3, shrinking=0), CallCache(), id)

    assert first_failure(fn, law, 3, 100) == verdict.examples


def test_what_is_too_large_is_seen():
    """More than the smallest counts, but for what the specimen needs."""
    specimen = specimen_of("answers:at_most_sixteen_rows").specimen

    assert specimen.too_large({**SMALLEST, "rows": 17}) == {}
    assert specimen.too_large({**SMALLEST, "rows": 18, "seed": 1}) == {"rows": 18, "seed": 1}


def test_needs_are_sizes():
    """A need that nothing is compared with would be ignored."""
    with pytest.raises(TypeError, match="colums"):
        Needs("a mistake", colums=3)
