"""The house rules that prose alone would not keep: layers, file length, first lines, the façade."""

import ast
from pathlib import Path

import pytest

import frostproof

ROOT = Path(frostproof.__file__).parent
FILES = [
    path
    for room in ("reference", "strategies", "properties", "reports")
    for path in sorted((ROOT / room).rglob("*.py"))
]
#: What each room may import of the others: data flows one way.
ALLOWED = {
    "reference": {"reference"},
    "strategies": {"reference", "strategies"},
    "properties": {"reference", "strategies", "properties"},
    "reports": {"reference", "strategies", "properties", "reports"},
}


def room_of(path):
    return path.relative_to(ROOT).parts[0]


def rooms_imported(path):
    """Return the rooms that a module imports from, absolute or relative."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["frostproof", *package[: len(package) + 1 - node.level]] if node.level else []
            names = [[*base, *(node.module or "").split(".")]]
        else:
            continue
        yield from (name[1] for name in names if name[0] == "frostproof" and len(name) > 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_the_house_rules(path):
    """It imports only what lies below it, stays under 300 lines, and says what it is for."""
    text = path.read_text()
    meta = "meta" in path.parts
    # Specimens, accepted programs and recipes are subjects: they use what a third party's would.
    subject = {"specimens", "accepted", "libraries"} & set(path.parts)
    allowed = ALLOWED["strategies" if subject else room_of(path)] | {""}

    assert meta or set(rooms_imported(path)) <= allowed
    assert text.count("\n") <= 300
    first = text.partition("\n")[0]
    assert first.startswith('"""')
    assert len(first) > 20


def test_the_rule_sees_imports():
    """The scan itself: it finds what a family of laws really imports."""
    laws = ROOT / "properties" / "frozen_laws.py"
    assert {"reference", "strategies"} <= set(rooms_imported(laws))


def test_the_facade_is_what_it_lists():
    """Every public name loads, and nothing else is offered."""
    assert set(frostproof.__all__) == set(frostproof._HOMES)
    for name in frostproof.__all__:
        assert getattr(frostproof, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'verfy'"):
        frostproof.verfy  # noqa: B018
