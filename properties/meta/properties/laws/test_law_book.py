"""The law book and the specimens, held against each other: neither loses any unnoticed."""

import json
from pathlib import Path

import frostproof
from frostproof.properties.laws.book import BOOK
from frostproof.reference.corpus.register import specimens

MEASURED = Path(frostproof.__file__).parent / "properties" / "meta" / "measurements" / "measured"


def test_no_specimen_is_lost():
    """What the kill matrix measured is still there; a module that registers none raises."""
    measured = json.loads((MEASURED / "kill-matrix.json").read_text(encoding="utf-8"))["rows"]
    known = {each.specimen.target for each in specimens()}

    assert {row["specimen"] for row in measured} - known == set()


def test_each_law_refutes_a_specimen():
    """A law that no faulty program breaks would pass every program ever written; and a law that is
    lost is missed by the specimens that name it.
    """
    assert {each.specimen.law for each in specimens()} == {law.id for law in BOOK}
