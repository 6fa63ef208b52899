"""Reports that are kept: a run that was broken off goes on, and a second one costs nothing."""

import hashlib
from functools import cache as once
from importlib.metadata import version
from pathlib import Path

from ...reference.corpus.libraries import Validation
from ..formats.files import write_report
from ..results.reading import read_report
from ..results.report import Report
from .environments import cache
from .judging import judge

_ROOT = Path(__file__).parents[2]
#: Folders whose code decides what is judged, and how.
_JUDGES = ("properties", "reference", "strategies")
_VERSIONED = ("jax", "jaxlib", "flax", "optax", "hypothesis", "numpy")


def kept_or_judged(validation: Validation) -> Report:
    """Return the report of a recipe: the one that is kept, or a new one, which is kept then.

    It is judged anew once a module of the engine or of the recipes changes, a pin, or a version.
    """
    name = validation.target.replace(":", "-")
    folder = cache() / "reports" / f"{name}-{_digest(validation)}"
    if (folder / "report.json").exists():
        return read_report(folder / "report.json")
    report = judge(validation)
    write_report(report, folder)
    return report


def _digest(validation: Validation) -> str:
    installed = [f"{name}=={version(name)}" for name in _VERSIONED]
    if validation.environment is None:
        installed.append(f"{validation.library}=={version(validation.library)}")
    else:
        installed += validation.environment.packages
    return hashlib.sha256("\n".join([_source(), *installed]).encode()).hexdigest()[:12]


@once
def _source() -> str:
    """Return a digest of all code that judges, its tests aside."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in _JUDGES for path in (_ROOT / folder).rglob("*.py")):
        if "meta" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()
