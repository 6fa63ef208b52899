"""Counterexamples shrink: to two rows and two features, seed 0, one step and two leaves, unless a
specimen declares that its fault needs more. A sample; the kill matrix looks at every specimen.
"""

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements.kills import first_failure, size_of
from frostproof.reference.corpus.register import SMALLEST, Needs, specimen_at
from frostproof.reference.subjects.loading import as_subject

SAMPLE = (
    "specimen/answers/at-most-sixteen-rows",
    "specimen/hidden-state/weights-kept-by-shape",
    "specimen/norms/spectral-norm",
    "specimen/rows/late-rows-weigh-more",
    "specimen/rows/last-row-dropped-nnx",
    "specimen/seeds/seed-of-16-bits",
    "specimen/shapes/relu-on-the-prediction",
    "specimen/transformations/leak-from-step-three",
    "specimen/transformations/two-levels-deep",
    "specimen/transformations/leaves-by-last-name",
    "specimen/masks/state-for-frozen-leaves",
    "specimen/masks/tiny-rate-for-frozen-leaves",
    "specimen/trainer-losses/last-row-left-out",
)


@pytest.mark.parametrize("id", SAMPLE)
def test_a_counterexample_is_no_larger_than_the_fault_needs(id):
    """Found with the first seed, and shrunk."""
    fn = specimen_at(id)
    subject, law = as_subject(fn, fn.specimen.kind), BY_ID[fn.specimen.law]

    verdict = judge(law, subject, Effort(max_examples=100, seed=0), CallCache(), id)
    size = size_of(verdict.counterexample.problems)

    assert not fn.specimen.too_large(size), size


@pytest.mark.parametrize(
    "id", ["specimen/rows/last-row-dropped", "specimen/transformations/one-ulp"]
)
def test_the_kill_matrix_counts_as_the_engine_does(id):
    """The same seed finds the failure at the same example."""
    fn = specimen_at(id)
    subject, law = as_subject(fn, fn.specimen.kind), BY_ID[fn.specimen.law]

    verdict = judge(law, subject, Effort(100, seed=3, shrinking=0), CallCache(), id)

    assert first_failure(fn, law, 3, 100) == verdict.examples


def test_what_is_too_large_is_seen():
    """More than the smallest counts, but for what the specimen needs."""
    specimen = specimen_at("specimen/answers/at-most-sixteen-rows").specimen

    assert specimen.too_large({**SMALLEST, "rows": 17}) == {}
    assert specimen.too_large({**SMALLEST, "rows": 18, "seed": 1}) == {"rows": 18, "seed": 1}


def test_needs_are_sizes():
    """A need that nothing is compared with would be ignored."""
    with pytest.raises(TypeError, match="colums"):
        Needs("a mistake", colums=3)
