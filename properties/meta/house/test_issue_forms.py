"""The issue forms are what GitHub accepts, and ask for what a bug of their kind needs."""

from pathlib import Path

import pytest
import yaml

import frostproof

ROOT = Path(frostproof.__file__).parent
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TYPES = {"markdown", "input", "textarea", "dropdown", "checkboxes"}


def test_each_kind_of_bug_has_its_form():
    """The three bugs that such a tool can have."""
    assert [path.stem for path in FORMS] == ["crash", "false-alarm", "missed-fault"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_well_made(path):
    """Each question has an id, a label and a description, and some have to be answered."""
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "title", "labels", "body"}
    assert {each["type"] for each in form["body"]} <= TYPES
    questions = [each for each in form["body"] if each["type"] != "markdown"]
    ids = [each["id"] for each in questions]

    assert len(set(ids)) == len(ids)
    assert {"output", "versions"} <= {each["id"] for each in questions if "validations" in each}
    assert all({"label", "description"} <= each["attributes"].keys() for each in questions)


def test_a_form_names_folders_that_are_there():
    """A program that is handed in goes into the corpus."""
    for path, folder in (("false-alarm", "accepted"), ("missed-fault", "specimens")):
        named = f"reference/corpus/{folder}/"
        assert named in (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{path}.yml").read_text()
        assert (ROOT / named).is_dir()
