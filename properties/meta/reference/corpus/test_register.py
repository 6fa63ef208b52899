"""The registers of the corpora: nothing in a corpus is left out, and its names are stable."""

import ast
from pathlib import Path

import pytest

import frostproof
from frostproof.reference.corpus import register
from frostproof.reference.corpus.accepted.trainers import linen_steps
from frostproof.reference.corpus.register import accepted_programs, specimens
from frostproof.reference.subjects.targets import canonical, resolved

CORPUS = Path(register.__file__).parent
#: What references that are faulty are made of: references.
ABOUT_REFERENCES = {
    "faulty_references.py",
    "alphagenome_freezing.py",  # it asks for one row by all of its hyperparameters
}


@pytest.mark.parametrize(
    ("target", "dotted"),
    [
        ("accepted/linen-steps/multi-transform", "trainers.linen_steps:multi_transform"),
        ("specimen/norms/spectral-norm", "exercises.norms:spectral_norm"),
        ("library/optax-freezing/masked", "libraries.optax_freezing:masked"),
    ],
)
def test_a_program_is_found_by_its_alias(target, dotted):
    """And its dotted name is called by the alias in reports."""
    assert resolved(target).endswith(f".{dotted}")
    assert canonical(resolved(target)) == target


def test_no_other_target_is_taken_for_an_alias():
    """What names no module of a corpus is left as it is, and refused in the usual words."""
    assert (
        resolved("accepted/linen-stops/multi-transform") == "accepted/linen-stops/multi-transform"
    )
    assert resolved("accepted/steps.py:fn") == "accepted/steps.py:fn"


def test_aliases_are_unique():
    """No two modules of a corpus have one name, and no program is registered twice."""
    targets = [each.target for each in accepted_programs()]
    targets += [each.specimen.target for each in specimens()]

    assert len(targets) == len(set(targets))


def test_a_program_that_is_not_registered_is_an_error(monkeypatch):
    """As is a module without one: it would be judged by nothing, and nobody would notice."""
    assert list(register._unregistered(linen_steps)) == []
    held = register._registered[linen_steps.__name__]
    others = [each for each in held if each is not linen_steps.multi_transform]

    monkeypatch.setitem(register._registered, linen_steps.__name__, others)
    with pytest.raises(LookupError, match="linen_steps:multi_transform is not registered"):
        list(register._modules("accepted"))

    monkeypatch.setitem(register._registered, linen_steps.__name__, [])
    with pytest.raises(LookupError, match="linen_steps registers no program"):
        list(register._modules("accepted"))


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*/*.py")), ids=lambda path: path.stem)
def test_a_program_uses_the_public_names_alone(path):
    """What a third party has to do without, so have the programs that stand for theirs."""
    if path.name in ABOUT_REFERENCES:
        return
    if path.parent.name == "libraries" and path.stem in ("recipe", "recipes", "environments"):
        return  # what recipes are, and their table: no programs
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        neighbour = isinstance(node, ast.ImportFrom) and node.level and "libraries" in path.parts
        if neighbour:  # a recipe of a library stands beside another of the same
            continue
        assert not (isinstance(node, ast.ImportFrom) and node.level)
        if isinstance(node, ast.ImportFrom) and node.module == "frostproof":
            assert {each.name for each in node.names} <= set(frostproof.__all__)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("frostproof."):
            assert node.module.startswith("frostproof.reference.corpus.")
