"""Reports that are kept: a run that was broken off goes on, and a second one costs nothing."""

import hashlib
import re
import sys
from contextlib import suppress
from functools import cache as once
from importlib.metadata import version
from pathlib import Path

from ...reference.corpus.libraries import Validation
from ..formats.files import write_report
from ..results.reading import UnreadableReport, read_report
from ..results.report import Report
from .environments import cache
from .judging import judge

_ROOT = Path(__file__).parents[2]
_RECIPES = _ROOT / "reference" / "corpus" / "libraries"
#: Folders whose code decides what is judged, and how.
_JUDGES = ("properties", "reference", "strategies")
_VERSIONED = ("jax", "jaxlib", "flax", "optax", "hypothesis", "numpy")


def kept_or_judged(validation: Validation) -> Report:
    """Return the report of a recipe: the one that is kept, or a new one, which is kept then.

    It is judged anew once the engine, the recipe, a pin or a version changes.
    """
    name = validation.target.replace(":", "-")
    folder = cache() / "reports" / f"{name}-{_digest(validation)}"
    with suppress(UnreadableReport):  # none, or not written to its end
        return read_report(folder / "report.json")
    report = judge(validation)
    try:
        write_report(report, folder)
    except OSError as error:
        print(f"not kept: {error.filename}: {error.strerror}", file=sys.stderr)
    return report


def _digest(validation: Validation) -> str:
    installed = [f"{name}=={version(name)}" for name in _VERSIONED]
    if validation.environment is None:
        installed.append(f"{validation.library}=={version(validation.library)}")
    else:
        installed += validation.environment.packages
    recipe = _digest_of(sorted(_read_by(_module(validation))))
    return hashlib.sha256("\n".join([_engine(), recipe, *installed]).encode()).hexdigest()[:12]


@once
def _engine() -> str:
    """Return a digest of all code that judges: not of its tests, nor of what is judged."""
    paths = (path for folder in _JUDGES for path in (_ROOT / folder).rglob("*.py"))
    aside = {"meta", "corpus"}
    return _digest_of(
        sorted(each for each in paths if not aside & {*each.relative_to(_ROOT).parts})
    )


def _module(validation: Validation) -> Path:
    environment = validation.environment
    folder = "" if environment is None else "apart" if environment.shares else "elsewhere"
    return _RECIPES / folder / f"{validation.target.split(':')[0]}.py"


def _read_by(path: Path) -> set[Path]:
    """Return a module of recipes, and those of its folder and the one above that it imports."""
    names = re.findall(r"^from (\.+)(\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE)
    found = {path.parents[len(dots) - 1] / f"{name}.py" for dots, name in names}
    return {path}.union(*map(_read_by, found))


def _digest_of(paths: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
