"""What `proofs.py` says of its rows: a line that does not hold is found."""

import pytest

from frostproof.properties.meta.measurements.proofs import proof_figures, proofs
from frostproof.properties.meta.measurements.proofs.proof_figures import BREAKS_AN_ASSUMPTION
from frostproof.properties.meta.measurements.proofs.unproved import MOVING, PROGRAMS
from frostproof.properties.proofs.provable import PROVABLE
from frostproof.reference.corpus.register import accepted_programs, specimens
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.subjects.targets import REFERENCES

FACTS = {name: row.facts for name, row in CATALOGUE.items()}
FAULTY = next(each.specimen for each in specimens() if each.specimen.law in PROVABLE)


def proved(*assumptions):
    return {"proved": list(assumptions), "told": None, "equation": False, "not traced": ""}


def lost(told="is moved: optax/transforms/_adding.py, mul 0.1 x", *, equation=True):
    return {"proved": None, "told": told, "equation": equation, "not traced": ""}


def promise(laws=(), **fields):
    unproved = {law: "is moved" for law in PROVABLE if law not in laws}
    return {
        "promised": list(PROVABLE),
        "proved": dict.fromkeys(laws, "for every input, if all is well"),
        "told": unproved,
        "equation": list(unproved),
        "not traced": "",
        "programs": 1,
        "settling": [0.1],
        "seconds": 0.2,
    } | fields


@pytest.fixture
def rows():
    """As if all was as it should be."""
    found = {}
    for task in proofs.tasks():
        part, name = task[:2]
        if part == "catalogue":
            moves = name.endswith("zeroing") and FACTS[task[2]].moves_on_zero_gradient
            told = f"is moved: {MOVING.get(task[2], 'optax/')}, mul 0.1 x"
            found[task] = lost(told) if moves else proved("the learning rate is finite")
        elif part == "unproved":
            found[task] = lost(PROGRAMS[name].told)
        elif part == "promise":
            found[task] = promise([] if name.startswith("specimen/") else PROVABLE)
        else:
            found[task] = {"verdicts": {law: ["held", 20, None] for law in PROVABLE}}
    return found


def failing(rows):
    """The names of the lines that do not hold."""
    return [line.wanted for line in (each(rows) for each in proof_figures.LINES) if not line.holds]


def test_all_holds_where_it_does(rows):
    """And the table says so of each line."""
    assert failing(rows) == []
    text = proof_figures.markdown(rows)
    assert text.count("| holds |") == len(proof_figures.LINES)
    assert "**fails**" not in text


ACCEPTED = [each.target for each in accepted_programs("trainer", "optax")]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({("catalogue", "linen/gradient-zeroing", "adamw"): proved("")}, "gradient zeroing keeps"),
        ({("catalogue", "nnx/trainable-subset", "adam"): lost()}, "trainable-subset keeps"),
        ({("catalogue", "nnx/multi-transform", "adam"): lost()}, "multi-transform keeps"),
        ({("catalogue", "nnx/gradient-zeroing", "lion"): lost("is moved")}, "not proved, each"),
        ({("unproved", "masked alone"): proved("")}, "not proved, each"),
        ({("unproved", "masked alone"): lost("is moved", equation=False)}, "not proved, each"),
        ({("promise", FAULTY.target): promise([FAULTY.law])}, "no specimen is proved"),
        (
            {("promise", name): promise() for name in ACCEPTED[: len(ACCEPTED) // 3]},
            "at least 70%",
        ),
        (
            {("sampled", ACCEPTED[0]): {"verdicts": {"frozen-value": ["refuted", 3, "it moved"]}}},
            "nothing is both proved and refuted",
        ),
        (
            {("promise", name): promise(settling=[0.6, 0.6]) for name in REFERENCES},
            "proving a reference takes",
        ),
    ],
)
def test_what_does_not_hold_is_found(rows, changed, line):
    """One row that is other than it should be fails the line that is about it."""
    assert any(each.startswith(line) for each in failing(rows | changed))


def test_too_few_optimizers_fail(rows):
    """At least 22 in each of the two libraries."""
    few = [task for task in rows if task[:2] == ("catalogue", "nnx/gradient-zeroing")][21:]

    assert any(
        each.startswith("gradient zeroing") for each in failing(rows | dict.fromkeys(few, lost()))
    )


@pytest.mark.parametrize("name", BREAKS_AN_ASSUMPTION)
def test_what_breaks_an_assumption_contradicts_no_proof(rows, name):
    """A proof is about programs of which its assumptions are true."""
    target = next(
        each.specimen.target for each in specimens() if each.specimen.subject_name == name
    )
    refuted = {"verdicts": {"frozen-value": ["refuted", 1, "it moved"]}}

    assert failing(rows | {("sampled", target): refuted}) == []
