"""Each fault is found and named in each format, and no correct pair is accused."""

import numpy as np
import pytest

from frostproof.properties.checkpoints import setting_aside
from frostproof.properties.checkpoints.judging import Plan, judge
from frostproof.properties.checkpoints.verdicts import verdicts
from frostproof.properties.meta.properties.checkpoints.faults import (
    ENCODER,
    FAULTS,
    FROZEN,
    HEAD,
    trained,
    weights,
)
from frostproof.properties.meta.reference.checkpoints.saving import FORMATS, save, skeleton
from frostproof.reference.checkpoints.formats import open_checkpoint


def judged(before, after, tree=None, frozen=FROZEN):
    """Return the verdict of each law on two checkpoints on disk."""
    likes = skeleton(weights()), skeleton(tree or weights())
    with open_checkpoint(before, likes[0]) as old, open_checkpoint(after, likes[1]) as new:
        found = judge(Plan.of(old.leaves, new.leaves, frozen))
        return {law.id: verdict for law, verdict in verdicts(found, (), {"frozen": "…"})}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a function that gives the checkpoint before in a format, saved once."""
    folder, saved = tmp_path_factory.mktemp("before"), {}

    def place(form):
        if form not in saved:
            saved[form] = folder / str(len(saved))
            save(form, weights(), saved[form])
        return saved[form]

    return place


@pytest.mark.parametrize("form", FORMATS)
def test_a_correct_pair_is_accepted(form, before, tmp_path):
    """All laws hold, that of averaged copies among them."""
    save(form, trained(weights()), tmp_path / "after")

    found = judged(before(form), tmp_path / "after")

    assert {law: verdict.outcome for law, verdict in found.items()} == dict.fromkeys(found, "held")


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_fault_is_found_and_named(form, name, before, tmp_path):
    """The law that it is about is refuted, in words that tell the cause."""
    fault = FAULTS[name]
    tree = fault.apply(trained(weights()))
    save(form, tree, tmp_path / "after")

    verdict = judged(before(form), tmp_path / "after", tree)[fault.law]

    assert verdict.outcome == "refuted"
    course = verdict.counterexample.course[0]["steps"][0]["leaves"]
    assert fault.says in verdict.reason or any(fault.says in str(leaf) for leaf in course)


@pytest.mark.parametrize("name", ["permuted", "signs flipped"])
def test_a_norm_is_blind_to_what_keeps_it(name, tmp_path):
    """Exactly, although the last bits of a sum depend on its order, as here they do."""
    tree = weights()
    tree[ENCODER] = tree[ENCODER] * np.float32(10) ** np.random.default_rng(1).integers(-4, 5, 40)
    tree[ENCODER] = tree[ENCODER].astype(np.float32)
    save("npz", tree, tmp_path / "before")
    save("npz", FAULTS[name].apply(trained(tree)), tmp_path / "after")

    found = judged(tmp_path / "before", tmp_path / "after")

    assert found["frozen-norm"].outcome == "held"
    assert found["frozen-value"].outcome == "refuted"


def test_the_sign_of_a_zero_is_a_matter_of_bits(tmp_path):
    """And so is a subnormal that was flushed: values stay, and the cause is named."""
    tree = weights()
    tree[ENCODER][0, :3] = -0.0, 1e-42, np.nan
    save("npz", tree, tmp_path / "before")
    after = trained(tree)
    after[ENCODER] = tree[ENCODER] + np.float32(0)
    after[ENCODER][0, 1] = 0
    save("npz", after, tmp_path / "after")

    found = judged(tmp_path / "before", tmp_path / "after")

    assert found["frozen-value"].outcome == found["frozen-norm"].outcome == "held"
    assert "the sign of zeros (1) and subnormals (1) changed" in found["frozen-bits"].reason


def test_a_renamed_leaf_is_told_under_both_names(before, tmp_path):
    """What vanished is elsewhere: its content is known again."""
    save("npz", FAULTS["renamed"].apply(trained(weights())), tmp_path / "after")

    found = judged(before("npz"), tmp_path / "after")["frozen-value"]

    assert "it was params/encoder/kernel before: renamed" in found.reason
    assert found.counterexample.facts["leaf"] == "params/encoder/weight"


def test_an_average_of_gradients_is_no_copy(tmp_path):
    """Named as an average, of the shape of a frozen leaf, and never equal to it."""
    tree = weights()
    tree["opt_state", "0", "ema", "encoder", "kernel"] = np.zeros_like(tree[ENCODER])
    save("npz", tree, tmp_path / "before")
    moved = tree["opt_state", "0", "ema", "encoder", "kernel"] + np.float32(1)
    after = trained(tree) | {("opt_state", "0", "ema", "encoder", "kernel"): moved}
    save("npz", after, tmp_path / "after")

    found = judged(tmp_path / "before", tmp_path / "after")

    assert found["frozen-copies"].outcome == "held"
    assert found["frozen-copies"].examples == 1


def test_random_training_looks_like_nothing(before, tmp_path):
    """No cause is made up for a frozen leaf that was simply trained."""
    random = np.random.default_rng(11)
    tree = trained(weights())
    tree[ENCODER] = tree[ENCODER] + np.float32(1e-3) * random.standard_normal((48, 40), np.float32)
    save("npz", tree, tmp_path / "after")

    found = judged(before("npz"), tmp_path / "after")["frozen-value"]

    assert "cause" not in found.counterexample.facts


def test_one_element_in_many_is_found(tmp_path):
    """By one ulp, in the last piece of a leaf that is read in many."""
    large = np.random.default_rng(0).standard_normal(3_000_001, np.float32)
    save("npz", {ENCODER: large, HEAD: np.zeros(2)}, tmp_path / "before")
    large[-1] = np.nextafter(large[-1], np.float32(9))
    save("npz", {ENCODER: large, HEAD: np.ones(2)}, tmp_path / "after")

    found = judged(tmp_path / "before", tmp_path / "after")["frozen-value"]

    assert "(1 ulp), 1 of 3000001 elements" in found.reason


def test_form_is_part_of_the_promise(before, tmp_path):
    """Another dtype of a frozen leaf breaks every law that it is about."""
    tree = trained(weights())
    tree[ENCODER] = tree[ENCODER].astype(np.float64)
    save("npz", tree, tmp_path / "after")

    found = judged(before("npz"), tmp_path / "after")

    for law in ("frozen-norm", "frozen-value", "frozen-bits", "frozen-structure"):
        assert "dtype float32 → float64" in found[law].reason


def test_a_leaf_that_is_put_aside_on_disk_is_compared_whole(tmp_path, monkeypatch):
    """As large ones are that can only be read as a whole; here small ones, of an odd size."""
    monkeypatch.setattr(setting_aside, "_LEAST", 16)
    tree = {ENCODER: np.random.default_rng(0).standard_normal((331, 301)).astype(np.float32)}
    save("orbax", tree, tmp_path / "before")
    tree[ENCODER][-1, -1] += 1
    save("orbax", tree, tmp_path / "after")

    found = judged(tmp_path / "before", tmp_path / "after")

    assert "1 of 99631 elements" in found["frozen-value"].reason
