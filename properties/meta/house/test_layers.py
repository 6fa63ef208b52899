"""The house rules that prose alone would not keep: packages, circles, first lines, the façade."""

import ast
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import frostproof

ROOT = Path(frostproof.__file__).parent
#: Every package, lowest first: each imports from itself and from those above it in the list.
ORDER = (
    "reference.exercise_arguments",
    "reference.linen",
    "reference.nnx",
    "reference.pytrees",
    "reference.numerics",
    "reference.guard",
    "reference.checkpoints",
    "reference.optimizers",
    "reference.problems",
    "reference.subjects",
    "reference.observation",
    "reference.trials",
    "reference.oracles",
    "reference.correct",
    "reference.corpus",
    "strategies",
    "properties.laws",
    "properties.scripts",
    "properties.proofs",
    "properties.engine",
    "properties.checkpoints",
    "properties.plan",
    "properties.processes",
    "properties.test_laws",
    "reports.results",
    "reports.formats",
    "reports.comparison",
    "reports.run",
    "reports.diff",
    "reports.cli",
    "reports.pytest_plugin",
    "reports.nightly",
    "reports.libraries",
)
#: More than this is a second folder that has not been found yet.
MOST_MODULES = 14
#: A soft limit: beyond it, a file of code (not a table) holds a second concept.
LONG = 400
TABLES = ("catalogue.py", "recipes.py")


def modules_of(root):
    """Return the modules of a copy of the package by dotted name, tests left aside."""
    rooms = ("reference", "strategies", "properties", "reports")
    files = [path for room in rooms for path in (root / room).rglob("*.py")]
    return {dotted(path, root): path for path in files if "meta" not in path.parts}


def dotted(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path, root, modules):
    """Return the modules of the package that a file imports, at its top, lazily or for types."""
    package = path.relative_to(root).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if not (node.level or (node.module or "").split(".")[0] == "frostproof"):
                continue
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += [part for part in (node.module or "").split(".") if part != "frostproof"]
            for alias in node.names:
                inner = ".".join(filter(None, (*base, alias.name)))
                found.add(inner if inner in modules else ".".join(base))
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("frostproof.") for a in node.names}
    return (found & modules.keys()) - {dotted(path, root)}


def graph_of(root):
    """Return what each module of a copy of the package imports of it."""
    modules = modules_of(root)
    return {name: imports_of(path, root, modules) for name, path in modules.items()}


def circles(graph):
    """Return the sets of modules that import one another, directly or by way of others."""
    reach = {}

    def reached(name):
        seen, open_ends = set(), [name]
        while open_ends:
            for other in graph[open_ends.pop()] - seen:
                seen.add(other)
                open_ends.append(other)
        return seen

    reach = {name: reached(name) for name in graph}
    return {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in graph
        if name in reach[name]
    }


def rank(module):
    """Return the place of a module's package in the order."""
    places = [i for i, each in enumerate(ORDER) if f"{module}.".startswith(f"{each}.")]
    return places[0] if places else None


def upward(graph):
    """Return the imports from a package that stands later in the order."""
    return {
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others
        if None not in (rank(name), rank(other)) and rank(other) > rank(name)
    }


def test_no_module_is_in_a_circle_and_none_imports_upwards():
    """Lazy imports and those for types count: they hide a circle, and it stays one."""
    graph = graph_of(ROOT)

    assert not circles(graph)
    assert not upward(graph)
    packages = {name for name, path in modules_of(ROOT).items() if path.name == "__init__.py"}
    assert {name for name in graph if rank(name) is None} <= packages, "not in the order"


@pytest.mark.parametrize(
    "planted",
    [
        ("reference/pytrees/paths.py", "def f():\n    from .snapshot import Leaf\n"),
        ("reference/numerics/rounding.py", "from frostproof.reports.results import row\n"),
        (
            "reference/optimizers/recorded.py",
            "import typing\nif typing.TYPE_CHECKING:\n    from ..subjects.moment import Moment\n",
        ),
    ],
    ids=["lazy", "upwards", "for types"],
)
def test_a_planted_circle_is_found(planted, tmp_path):
    """The rule itself: each kind of import that a circle may hide in is seen."""
    place, text = planted
    for path in modules_of(ROOT).values():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert not circles(graph_of(tmp_path)) | upward(graph_of(tmp_path))
    with (tmp_path / place).open("a") as file:
        file.write(text)

    graph = graph_of(tmp_path)
    assert circles(graph) | upward(graph)


def test_a_wheel_has_every_package_but_the_corpora():
    """A package that the list lacks is missed only where the wheel is installed."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = {name.partition(".")[2] for name in settings["tool"]["setuptools"]["packages"]}
    packages = {name for name, path in modules_of(ROOT).items() if path.name == "__init__.py"}

    corpora = {name for name in packages if f"{name}.".startswith("reference.corpus.")}
    assert listed - {""} == packages - corpora, "list it under `packages` in pyproject.toml"


def test_a_folder_holds_few_modules_and_a_name_says_one_thing():
    """No folder grows past what can be seen at once; names in `reference/` are there once."""
    files = [
        path
        for room in ("reference", "strategies", "properties", "reports")
        for path in (ROOT / room).rglob("*.py")
        # Scripts for the maintainers of others stand alone: they are not modules.
        if path.name != "__init__.py" and path.parent.name != "upstream"
    ]
    folders = Counter(path.parent.relative_to(ROOT) for path in files)
    names = Counter(path.name for path in files if path.relative_to(ROOT).parts[0] == "reference")

    full = {str(folder): n for folder, n in folders.items() if n > MOST_MODULES}
    shared = [name for name, n in names.items() if n > 1]
    assert full == {}, f"more than {MOST_MODULES} modules: make a package of some, see CONTRIBUTING"
    assert shared == [], "files of one name in `reference/`: name each by what it alone holds"


@pytest.mark.parametrize("path", sorted(modules_of(ROOT).values()), ids=lambda p: dotted(p, ROOT))
def test_a_file_says_what_it_is_for(path):
    """Its first line does; and it is of a length that one concept takes."""
    text = path.read_text(encoding="utf-8")
    first = text.partition("\n")[0]

    assert first.startswith('"""')
    assert len(first) > 20
    fits = path.name in TABLES or text.count("\n") <= LONG
    assert fits, f"more than {LONG} lines: a second concept, which wants its own file"


def test_a_file_of_tests_is_not_longer_either():
    """What they draw from and share counts, too."""
    files = (ROOT / "properties" / "meta").rglob("*.py")
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in files}

    assert {name: length for name, length in lengths.items() if length > LONG} == {}


def test_the_law_book_is_read_without_jax():
    """The command line and the pytest plugin list laws in every run, JAX or no JAX."""
    import subprocess
    import sys

    code = "import sys, frostproof.properties.laws.book; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_facade_is_what_it_lists():
    """Every public name loads, and nothing else is offered."""
    assert set(frostproof.__all__) == set(frostproof._HOMES)
    for name in frostproof.__all__:
        assert getattr(frostproof, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'verfy'"):
        frostproof.verfy  # noqa: B018
