"""The law book, held against the specimens: no law is lost, and each one refutes a specimen."""

from importlib import import_module

from frostproof.properties.laws.book import BOOK
from frostproof.reference.corpus.specimens import ESCAPES, MODULES, TRAINING_MODULES
from frostproof.reference.corpus.specimens.specimen import specimens_of

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


def test_no_specimen_is_lost():
    """Each module holds as many as it did."""
    held = {
        name.rpartition(".")[2]: len(specimens_of(import_module(name)))
        for name in (*MODULES, *TRAINING_MODULES, *ESCAPES)
    }

    assert held == SPECIMENS


def test_each_law_refutes_a_specimen():
    """A law that no faulty program breaks would pass every program ever written; and a law that is
    lost is missed by the specimens that name it.
    """
    named = {
        subject.specimen.law
        for name in (*MODULES, *TRAINING_MODULES)
        for subject in specimens_of(import_module(name)).values()
    }

    assert named == {law.id for law in BOOK}
