"""What is proved, and what is not, under the optimizers of the catalogue."""

import pytest

from frostproof.properties.proofs.marks import AnyOptimizer
from frostproof.properties.proofs.proving import prove
from frostproof.reference.correct import wrappers
from frostproof.reference.correct.trainers import linen_techniques, nnx_techniques
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.optimizers.optax_releases import too_new
from frostproof.reference.optimizers.optimizer import optimizer

APIS = {"linen": linen_techniques, "nnx": nnx_techniques}
ROWS = [
    optimizer(name)
    for name, row in CATALOGUE.items()
    if not (row.excluded or row.wraps or row.facts.stochastic)
]
#: Under which a leaf of zero gradient is shown to stay, whatever all numbers are.
_STILL = (
    *("sgd", "momentum", "nesterov", "adam", "rmsprop", "adagrad", "lamb", "adabelief"),
    *("adadelta", "adamax", "adan", "amsgrad", "lars", "nadam", "optimistic_adam_v2"),
    *("optimistic_gradient_descent", "radam", "rmsprop_centered", "rmsprop_momentum"),
    *("sign_sgd", "signum", "sm3", "acprop", "ademamix", "adopt", "muon", "simplified_ademamix"),
)
#: Optax 0.2.6 adds 0 · p for a decay that is zero, which is NaN where p is not finite.
_DECAYED_BY_ZERO = (
    *("acprop", "adadelta", "adan", "ademamix", "lamb", "lars", "muon", "simplified_ademamix"),
)
_OLD = too_new("galore")
STILL = tuple(
    name for name in _STILL if not too_new(name) and not (_OLD and name in _DECAYED_BY_ZERO)
)


def proved(subject, law, rows):
    return {row.name for row in rows if law in prove(subject, row, [law]).proved}


@pytest.mark.parametrize("api", APIS)
def test_a_zeroed_gradient_is_shown_to_move_nothing_under_most_optimizers(api):
    """Those that move a leaf without a gradient are found without reading that they do."""
    found = proved(APIS[api].gradient_zeroing, "frozen-value", ROWS)

    assert len(STILL) >= (18 if _OLD else 22)
    assert found >= set(STILL)
    assert not any(row.facts.moves_on_zero_gradient for row in ROWS if row.name in found)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("technique", "law"),
    [("trainable_subset", "frozen-bits"), ("multi_transform", "frozen-value")],
)
def test_what_no_optimizer_sees_is_kept_under_all(api, technique, law):
    """One proof for any optimizer at once, and the same for every third row: `proofs.py` proves all
    of them.
    """
    subject = getattr(APIS[api], technique)

    assert law in prove(subject, AnyOptimizer(optimizer("adam")), [law]).proved
    rows = ROWS[::3]
    assert proved(subject, law, rows) == {row.name for row in rows}


def test_a_rate_of_either_sign_keeps_values_and_a_positive_one_bits():
    """p + (−0) keeps the bits of p; −lr · 0 is −0 only where lr is positive."""
    proofs = prove(linen_techniques.gradient_zeroing, optimizer("sgd")).proved

    assert "the learning rate is positive" in proofs["frozen-bits"].assumptions
    assert "the learning rate is positive" not in proofs["frozen-any-learning-rate"].assumptions


def test_clipping_by_the_norm_of_all_needs_finite_gradients():
    """NaN in a trainable gradient makes the norm NaN, and 0 · NaN is NaN."""
    clipped = optimizer("clip_by_global_norm", optimizer("adam"))
    proofs = prove(wrappers.freeze_before_optimizer, clipped)

    finite = "the gradients that the optimizer is given are finite"
    assert finite in proofs.proved["frozen-value"].assumptions
    assert "clip_by_global_norm" in str(proofs.unproved["frozen-under-overflow"])
