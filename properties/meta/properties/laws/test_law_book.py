"""The law book, held against a list: no law is lost, and each one refutes a specimen of its own."""

from importlib import import_module

from frostproof.properties.laws.book import BOOK
from frostproof.reference.corpus.specimens import ESCAPES, MODULES, TRAINING_MODULES
from frostproof.reference.corpus.specimens.specimen import specimens_of

#: Every law, by guarantee. Whoever removes one has to say so here, and whoever adds one too.
LAWS = {
    "computes": (
        "answer-shape",
        "answer-norm-is-initial-norm",
        "answer-loss-is-mse",
        "answer-loss-before-step",
        "answer-row-order",
        "answer-repeated-rows",
        "answer-repeatable",
        "answer-inputs-untouched",
        "training-runs",
        "loss-is-mse",
        "loss-before-step",
        "loss-row-order",
        "loss-repeated-rows",
        "repeatable",
        "batch-untouched",
        "eager-equals-jit",
        "techniques-agree",
        "linen-equals-nnx",
    ),
    "selected": (
        "answer-xray-moves",
        "frozen-structure",
        "trainable-moves",
        "exact-selection",
        "zero-rate-is-identity",
        "zero-gradient-is-identity",
        "trainable-follows-oracle",
        "freeze-nothing",
        "freeze-everything",
        "freeze-twice",
        "freeze-order",
        "unfreeze-resumes",
        "upstream-still-trains",
        "unmatched-pattern-is-an-error",
        "same-selection-for-every-representation",
        "tied-weights-freeze-under-either-name",
    ),
    "norm": (
        "answer-norms-equal",
        "frozen-norm",
    ),
    "value": (
        "answer-xray-frozen",
        "frozen-value",
        "frozen-under-overflow",
        "frozen-any-learning-rate",
        "frozen-under-other-optimizers",
        "frozen-warm-state",
        "lifecycle",
        "restored-equals-saved",
    ),
    "bits": (
        "frozen-bits",
        "frozen-special-weights",
    ),
    "inert": (
        "frozen-optimizer-state",
        "frozen-layer-state",
        "frozen-copies",
    ),
    "isolated": (
        "frozen-under-coupled-overflow",
        "trains-as-if-alone",
        "frozen-gradients-do-not-leak",
    ),
    "advice": ("compiles-once",),
}

#: How many specimens each module holds: one that is lost, or no longer marked, is missed here.
SPECIMENS = {
    "answers": 20,
    "freezing": 15,
    "hidden_state": 11,
    "inputs": 9,
    "losses": 20,
    "norms": 17,
    "observed_updates": 28,
    "rows": 15,
    "seeds": 14,
    "selection": 16,
    "shapes": 13,
    "masks": 19,
    "transformations": 17,
    "algebra": 7,
    "linen_models": 21,
    "linen_updates": 15,
    "trainer_losses": 5,
    "nnx_models": 21,
    "foreign_models": 11,
    "lifecycles": 13,
    "faulty_references": 6,
    "escapes": 3,
}


def test_no_law_is_lost():
    """The book holds exactly these laws, each under its guarantee."""
    assert {law.id: law.guarantee for law in BOOK} == {
        id: guarantee for guarantee, ids in LAWS.items() for id in ids
    }


def test_no_specimen_is_lost():
    """Each module holds as many as it did."""
    held = {
        name.rpartition(".")[2]: len(specimens_of(import_module(name)))
        for name in (*MODULES, *TRAINING_MODULES, *ESCAPES)
    }

    assert held == SPECIMENS


def test_each_law_refutes_a_specimen():
    """A law that no faulty program breaks would pass every program ever written."""
    named = {
        subject.specimen.law
        for name in (*MODULES, *TRAINING_MODULES)
        for subject in specimens_of(import_module(name)).values()
    }

    assert named == {law.id for law in BOOK}
