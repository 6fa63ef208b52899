"""What was measured is of what is there: no law, specimen or program by a name that is gone."""

import json
import re
from pathlib import Path

from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements import kill_figures, soundness_figures
from frostproof.properties.meta.measurements.mutation import mutant_figures
from frostproof.reference.corpus.register import accepted_programs, escapes, specimens
from frostproof.reference.subjects.targets import REFERENCES

MEASURED = Path(__file__).parent
#: So many new specimens may wait for the next measurement.
_WAITING = 10
LAWS = {each.specimen.target: each.specimen.law for each in specimens()}
CORRECT = {*REFERENCES, *(each.target for each in accepted_programs())}


def text_of(name):
    return (MEASURED / name).read_text(encoding="utf-8")


def without_what_is_counted_now(text):
    """Leave out the number of programs and the versions, which are those of the moment."""
    return re.sub(r" of \d+ programs|Last measured with .*", "", text)


def test_each_specimen_of_the_kill_matrix_is_judged_by_its_law():
    """One that got another law was not measured by it, and one that is gone was lost; new ones are
    not left out for long.
    """
    measured = {
        row["specimen"]: row["law"] for row in json.loads(text_of("kill-matrix.json"))["rows"]
    }

    assert measured == {name: LAWS.get(name) for name in measured}
    assert len(LAWS.keys() - measured.keys()) <= _WAITING


def test_soundness_is_of_laws_and_programs_that_are_there():
    rows = [json.loads(line) for line in text_of("soundness.jsonl").splitlines()]

    assert {row["law"] for row in rows} - BY_ID.keys() == set()
    assert {row["subject"] for row in rows} - CORRECT == set()
    told = without_what_is_counted_now(soundness_figures.markdown(rows))
    assert without_what_is_counted_now(text_of("soundness.md")) == told


def test_tables_tell_what_the_data_beside_them_hold():
    kills, mutants = (json.loads(text_of(f"{name}.json")) for name in ("kill-matrix", "mutants"))
    every = [{"specimen": name, "laws": laws} for name, laws in kills["matrix"].items()]

    told = kill_figures.markdown(kills["rows"], every, kills["summary"], kills)
    assert text_of("kill-matrix.md") == told
    told = mutant_figures.markdown(mutants["mutants"], mutants["of"], mutants["versions"])
    assert text_of("mutants.md") == told


def test_proofs_are_of_programs_that_are_there():
    """A specimen that is not proved stands there with the law that refutes it."""
    text = text_of("proofs.md")
    known = {*LAWS, *(each.specimen.target for each in escapes()), *CORRECT}

    named = set(re.findall(r"^- ((?:specimen|accepted)/[\w/-]+)", text, re.MULTILINE))
    assert named - known == set()
    _, _, unproved = text.partition("## No specimen is proved to keep the law that refutes it")
    refuted = re.findall(r"^- (specimen/[\w/-]+), ([a-z-]+):", unproved.partition("\n## ")[0], re.M)
    assert len(refuted) > 50
    assert dict(refuted) == {name: LAWS[name] for name, _ in refuted}
