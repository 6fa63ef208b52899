"""What was found in real libraries, as a page: faults first, each with its cause."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...reference.corpus.libraries import Validation
from ..formats import html
from ..formats.html.environment import environment
from ..results.guarantees import standings
from ..results.report import Report
from .scripts import UPSTREAM
from .table import broken_rows, judged_version

_HERE = Path(__file__).parent / "templates"
_SHARED = Path(html.__file__).parent / "templates"


def page(judged: Sequence[tuple[Validation, Report]]) -> str:
    """Return the page of these recipes and their reports, in which all that they say is escaped."""
    faults = [_shown(*each) for each in judged if each[0].upstream]
    others = [_shown(*each) for each in judged if not each[0].upstream]
    at_fault = {validation.at_fault for validation, _ in judged if validation.upstream}
    libraries = {each["library"] for each in (*faults, *others)}
    return environment(_HERE).get_template("libraries.html").render(
        headline=f"{len(faults)} faults in {len(at_fault)} released libraries",
        recipes=len(judged),
        libraries=len(libraries),
        faults=faults,
        others=others,
        style=Markup((_SHARED / "style.css").read_text() + (_HERE / "libraries.css").read_text()),
    )  # fmt: skip


def _shown(validation: Validation, report: Report) -> dict[str, Any]:
    """Return what the page says of a recipe."""
    (standing,) = standings(report.rows).values()
    broken = broken_rows(report)
    return {
        "place": validation.target.replace(":", "-"),
        "recipe": validation.recipe,
        "library": validation.library,
        "version": judged_version(validation),
        "keeps": standing.held,
        "promised": [row.law for row in broken if row.promised],
        "beyond": [row.law for row in broken if not row.promised],
        "seen": (broken[0].reason or "") if broken else "",
        "causes": validation.causes,
        "since": validation.since,
        "script": validation.upstream,
        "code": (UPSTREAM / validation.upstream).read_text() if validation.upstream else "",
    }
