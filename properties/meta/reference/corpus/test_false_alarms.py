"""Problems on which a law once accused a correct program, each with the cause that was found."""

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge, refutation
from frostproof.properties.engine.tally import FEWEST
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.correct.trainers import linen_techniques as linen_trainers
from frostproof.reference.correct.trainers import nnx_techniques as nnx_trainers
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.subjects.loading import load


def layers(kind):
    """Return two hidden layers with one of a kind behind each, and the output."""
    hidden = [
        layer
        for name in ("l1", "l2")
        for layer in (
            {"name": f"{name}/dense", "kind": "dense", "width": 4},
            {"name": f"{name}/{kind}", "kind": kind},
        )
    ]
    return {"layers": [*hidden, {"name": "l3", "kind": "dense", "width": 2}]}


#: One row's own statistics cancel the bias before a norm, which kept ones, as long as the norm is
#: frozen, do not: unfrozen, it has no gradient, although the loss depended on it before.
CANCELLED = {
    "seed": 16011,
    "optimizer": optimizer("nadamw", learning_rate=0.1, weight_decay=0.1).record(),
    "rows": 1,
    "features": 1,
    "fill": 773,
    "architecture": layers("norm"),
    "frozen": ("l2",),
}
#: The wrapper learns the scale of its updates from 1e-6 up: forty steps of 1e-9 move nothing.
TOO_SMALL = {
    "seed": 0,
    "optimizer": optimizer("mechanize", optimizer("rmsprop", learning_rate=0.001)).record(),
    "rows": 1,
    "features": 1,
    "fill": 103,
    "weights": "redrawn",
    "architecture": layers("dropout"),
    "frozen": ("l1/dense",),
}
#: One row is nothing once a norm has taken its mean away, and what the next layer makes of nothing
#: is its bias: the mean behind it stays the first value, zero.
ONE_ROW = {
    "seed": 9,
    "optimizer": optimizer("adam", learning_rate=1.0).record(),
    "rows": 1,
    "features": 1,
    "fill": 7685,
    "architecture": layers("norm"),
    "frozen": ("l1/dense", "l2/dense"),
}
TOO_LITTLE = "the subject gives this law too little to judge: "
OTHER_NAMES = "the optimizer gets the leaves under other names"


@pytest.mark.parametrize("problem", [CANCELLED, TOO_SMALL], ids=["cancelled", "too small"])
def test_an_unfrozen_leaf_that_cannot_move_is_no_failure(problem):
    """Found under random seeds: three of some forty accused the program so."""
    sequences = (
        ("unfreeze", "step", "step", "step", "step"),
        ("freeze", "unfreeze", "step", "step", "step", "step"),
        ("freeze", "step", "unfreeze", "step", "step", "step"),
    )
    problems = [problem | {"actions": actions} for actions in sequences]

    assert refutation(BY_ID["unfreeze-resumes"], nnx_trainers.trainable_subset, problems) is None


def test_a_mean_that_one_row_cannot_move_is_no_failure():
    """On four rows it moves."""
    law = BY_ID["trainable-statistics-move"]

    assert refutation(law, linen_trainers.stop_gradient, [ONE_ROW]) is None


@pytest.mark.parametrize(
    ("target", "law", "reason"),
    [
        ("accepted/linen-steps/everything-frozen", "trains-as-if-alone", TOO_LITTLE),
        ("accepted/linen-steps/one-leaf-that-is-frozen", "frozen-under-overflow", TOO_LITTLE),
        ("accepted/linen-layers/tokens", "frozen-under-overflow", TOO_LITTLE),
        ("accepted/partitions/trainable-leaves-in-a-list", "trainable-follows-oracle", OTHER_NAMES),
    ],
)
def test_what_a_program_cannot_show_is_not_asked_of_it(target, law, reason):
    """These were called vacuous, which fails a run."""
    verdict = judge(BY_ID[law], load(target), Effort(FEWEST, seed=0), CallCache(), target)

    assert verdict.outcome == "not-run"
    assert verdict.reason.startswith(reason)
