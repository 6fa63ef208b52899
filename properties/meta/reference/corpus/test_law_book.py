"""The law book and the specimens, held against each other: no law is lost unnoticed."""

from frostproof.properties.laws.book import BOOK
from frostproof.reference.corpus.register import specimens


def test_each_law_refutes_a_specimen():
    """A law that no faulty program breaks would pass every program ever written; and a law that is
    lost is missed by the specimens that name it.
    """
    assert {each.specimen.law for each in specimens()} == {law.id for law in BOOK}
