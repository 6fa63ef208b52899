"""A failing verdict as a page shows it: words, the smallest problem, numbers, plots."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ....properties.laws.book import BY_ID
from ....reference.pytrees.comparison import is_near
from ...results.row import Row
from ..reasons import in_short
from ..wording import problem_parts, story
from .matrix import place_of
from .plots import plot_bound, plot_drift


@dataclass(frozen=True)
class Found:
    """A failing verdict, as the template `counterexample.html` shows it."""

    row: Row
    place: str
    statement: str
    #: What was seen, in short where the law shown before it tells the same.
    seen: str
    #: The keywords and lines by which it is told why, as the terminal has them.
    why: Sequence[tuple[str, str]]
    #: The law shown before it that tells of the same leaf and the same cause, and its place.
    same_as: tuple[str, str] | None
    problems: Sequence[Sequence[tuple[str, str]]]
    runs: Sequence[Mapping[str, Any]]
    facts: Sequence[tuple[str, str]]
    plots: Sequence[Markup]
    replay: str


_WHY = {"because": "Because", "by": "By", "usually": "Usually means"}


def show_verdict(row: Row, file: str, *, plotted: bool, same_as: Row | None = None) -> Found:
    """Return what the page shows of a row of a report, with the command that runs it again from its
    `file`; plots only where `plotted`, since they take time.

    What was shown for the row that it is the `same_as` is not shown again.
    """
    law = BY_ID.get(row.law)
    example = row.counterexample or {}
    lines = dict(story(row))
    runs = [
        {"leaves": list(_leaves(run, example)), "answer": list(_answer(run))}
        for run in ([] if same_as else example.get("course", []))
    ]
    told = same_as or any(run["leaves"] or run["answer"] for run in runs)
    return Found(
        row,
        place_of(row.id),
        lines.get("law") or (law.statement if law else ""),
        in_short(row.reason or "")
        if same_as and same_as.reason == row.reason
        else row.reason or "",
        [] if same_as else [(_WHY[word], text) for word, text in lines.items() if word in _WHY],
        (same_as.law, place_of(same_as.id)) if same_as else None,
        [problem_parts(problem) for problem in example.get("problems", [])],
        runs,
        []
        if told
        else [(name, _number(value)) for name, value in example.get("facts", {}).items()],
        list(_plots(row, example)) if plotted and not same_as else [],
        _replay(row, file) if example else "",
    )


def _leaves(run: Mapping[str, Any], example: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    facts = example.get("facts", {})
    steps = run.get("steps", [])
    still = list(itertools.takewhile(_stays, steps)) if _is_about_frozen(steps, facts) else []
    if len(still) > 1:
        frozen = sum(leaf["frozen"] for leaf in still[0]["leaves"])
        name = f"all {frozen} frozen leaves" if frozen > 1 else facts["leaf"]
        yield {"step": f"1–{len(still)}", "leaf": name}
        steps = steps[len(still) :]
    for step in steps:
        for leaf in step["leaves"]:
            yield {
                "step": step["step"],
                "leaf": leaf["leaf"],
                "frozen": leaf["frozen"],
                "changed": leaf["changed"],
                "of": leaf["of"],
                "before": _number(leaf.get("before")),
                "after": _number(leaf.get("after")),
                "what": leaf.get("what"),
                "distance": _distance(leaf),
                "accused": (leaf["leaf"], step["step"]) == (facts.get("leaf"), facts.get("step")),
            }


def _is_about_frozen(steps: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> bool:
    leaves = (leaf for step in steps for leaf in step["leaves"])
    return any(leaf["frozen"] and leaf["leaf"] == facts.get("leaf") for leaf in leaves)


def _stays(step: Mapping[str, Any]) -> bool:
    """Tell whether a step changed no frozen leaf."""
    return not any(
        leaf["frozen"] and (leaf["changed"] or leaf.get("what")) for leaf in step["leaves"]
    )


def _distance(leaf: Mapping[str, Any]) -> str:
    ulps = leaf.get("ulps")
    if ulps is None:
        return ""
    if ulps == 0:
        return "other bits"  # −0 and +0, or NaNs of two payloads
    if leaf["before"] is None or not is_near(leaf["before"], leaf["after"]):
        return ""
    return f"{ulps:,} ulp{'s' * (ulps != 1)}"


def _answer(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for each in run.get("answer", []):
        expected, bound = _float(each.get("expected")), _float(each.get("bound"))
        yield {
            "name": each["name"],
            "reported": _number(each["reported"]),
            "expected": _number(each.get("expected")),
            "bound": "" if math.isnan(bound) else f"{bound:.2g}",
            "outside": abs(_float(each["reported"]) - expected) > bound,
        }


def _plots(row: Row, example: Mapping[str, Any]) -> Iterator[Markup]:
    facts = example.get("facts", {})
    numbers = [_float(facts.get(name)) for name in ("observed", "expected", "bound")]
    for plot in (
        plot_drift(example.get("drift", {})),
        plot_bound(str(facts.get("leaf", "it")), *numbers),
    ):
        if plot is not None:
            yield plot


def _number(value: Any) -> str:
    """Show a recorded number with the digits that tell it from its neighbours in float32."""
    if value is None:
        return "–"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _float(value: Any) -> float:
    """Return a recorded number; anything else, such as an interval, becomes NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _replay(row: Row, file: str) -> str:
    report, id, target = map(shlex.quote, (file, row.id, row.subject))
    return f"frostproof replay {report} {id} --target {target}"
