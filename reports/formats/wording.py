"""A verdict in words, the same on the terminal, in every report and in a failed test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...properties.laws.book import BY_ID
from ...properties.laws.law import REPORTING
from ...reference.optimizers.optimizer import read_optimizer
from ...reference.problems.batches import batch_text
from ..results.guarantees import with_reasons
from ..results.report import Report
from ..results.row import Row

#: The fields of batches where the user gives none.
_MAKE_BATCHES = ("rows", "features", "fill")
#: Characters that take three lines of 80 columns, behind a keyword.
_FEW_LINES = 232
#: The usual values of a problem's fields, which are not shown.
_USUAL = (None, "", False, "once", "initialised", "ordinary", [1])


def conclusion(report: Report) -> str:
    """Say in one line how a run ended."""
    return "; ".join(filter(None, (_conclusion_of_laws(report), said_of_unusable(report))))


def said_of_unusable(report: Report) -> str:
    """Say how many subjects that tests name cannot be judged; empty where all can."""
    count = report.unusable.total()
    return f"{count} subject{'s' * (count != 1)} cannot be judged" if count else ""


def _conclusion_of_laws(report: Report) -> str:
    failing = sum(row.fails for row in report.rows)
    if failing:
        return f"{failing:,} promised verdict{'s' * (failing != 1)} failed"
    if not report.finished:
        return "the run ended before all laws were judged"
    chosen = any(each.omitted for each in report.asked.values())
    if not report.judged:
        others = [row.guarantee for row in report.rows if row.verdict != "not-run"]
        about = ", ".join(dict.fromkeys(others))
        beyond = f": the chosen laws are about {about}, which is not promised" if others else ""
        return f"nothing promised could run{beyond if chosen else ''}"
    if report.missed and not report.allow_not_shown:
        return f"not shown, although asked for: {_reasons(report.missed)}"
    unshown = _promised_and_not_shown(report)
    known = _laws_of(row for row in report.rows if row.is_known)
    if chosen:
        held = f"the {'other ' if known else ''}chosen laws held"
    else:
        other = "else " if known or report.unusable else ""
        held = "held" if unshown else f"everything {other}promised held"
    clauses = {
        "as expected, failed": known,
        "not shown": _reasons(unshown) if unshown else "",
        "beyond the promise, refuted": _beyond(report),
    }
    return "; ".join([held, *(f"{name}: {said}" for name, said in clauses.items() if said)])


def _promised_and_not_shown(report: Report) -> dict[str, dict[str, str]]:
    """Return, by subjects, what is promised and not shown, other than by the choice of laws."""
    promised = {(row.subject, row.guarantee) for row in report.rows if row.promised}
    found = {
        name: {
            guarantee: why
            for guarantee, why in each.not_shown.items()
            if (name, guarantee) in promised and guarantee not in each.unasked
        }
        for name, each in report.standings.items()
    }
    return {name: reasons for name, reasons in found.items() if reasons}


def _reasons(unshown: Mapping[str, Mapping[str, str]]) -> str:
    """Name each guarantee once, with the first reason, and how many subjects do not show it."""
    first: dict[str, str] = {}
    for reasons in unshown.values():
        for guarantee, reason in reasons.items():
            first.setdefault(guarantee, reason)
    named = with_reasons(first)
    return named if len(unshown) == 1 else f"{named}, on {len(unshown)} subjects"


def _beyond(report: Report) -> str:
    """Name what was refuted beyond the promise: nobody is accused, and all is not well."""
    beyond = [row for row in report.rows if row.verdict == "refuted" and not row.promised]
    return _laws_of(row for row in beyond if row.guarantee != "advice")


def _laws_of(rows: Iterable[Row]) -> str:
    """Name the laws of some rows, the first of many."""
    laws = list(dict.fromkeys(row.law for row in rows))
    return ", ".join(laws[:3]) + (f" and {len(laws) - 3} more" if len(laws) > 3 else "")


def story(row: Row, *, brief: bool = False) -> list[tuple[str, str]]:
    """Return the facts that help to fix the code, as pairs of a keyword and a line; `brief` leaves
    a long law at its first sentence.
    """
    if row.counterexample is None:
        return [("seen", row.reason or "")]
    problems = [
        ("versus" if place else "for", problem_text(each))
        for place, each in enumerate(row.counterexample["problems"])
    ]
    cause = row.counterexample.get("cause")
    because = [("because", cause)] if cause else []
    # Where the cause was found, or is an exception that was seen, what it mostly is would only lead
    # away from it.
    law = BY_ID.get(row.law)
    about_it = law is not None and law.statement == row.counterexample["law"]
    guessed = about_it and not cause and row.verdict != "error" and row.law not in REPORTING
    usually = [("usually", _continued(law.meaning))] if law and guessed else []
    equation = row.counterexample["facts"].get("equation")
    by = [("by", equation)] if equation else []
    seen = ("seen", row.reason or "")
    silent = f"{_silent(row)}; {row.about}: " if row.about != row.law else ""
    law_in_words = row.counterexample["law"]
    law_in_words = _first_of(law_in_words, row.about) if brief else law_in_words
    stated = ("law", f"{silent}{law_in_words}")
    return [stated, seen, *because, *by, *usually, *problems]


def _first_of(statement: str, law: str) -> str:
    """Return a statement that fits a few lines of a terminal, and of another the first sentence,
    which sums it up, with the command that shows all.
    """
    first, separator, _ = statement.partition(". ")
    if len(statement) <= _FEW_LINES or not separator:
        return statement
    return f"{first} (frostproof laws {law})"


def _silent(row: Row) -> str:
    """Say of a law that a subject without an answer was to be judged by that it is not refuted."""
    did = "raised" if row.raises else "gave no answer"
    return f"the program {did}, so {row.law} could not be judged"


def _continued(sentence: str) -> str:
    """Return a sentence as it goes on behind a word; a name such as BatchNorm stays as it is."""
    word, space, rest = sentence.partition(" ")
    return f"{word if any(map(str.isupper, word[1:])) else word.lower()}{space}{rest}"


def explain(row: Row, script: Path | None = None, *, brief: bool = False) -> str:
    """Return the facts that help to fix the code as text, the script or its file last; `brief` is
    that of `story`.
    """
    examples = f"{row.examples} example{'s' * (row.examples != 1)}"
    lines = [f"{row.subject}: {row.law} {row.verdict} after {examples}", ""]
    lines += [f"{keyword:7} {text}" for keyword, text in story(row, brief=brief)]
    if script is not None:
        lines.append(f"{'script':7} {script}")
    elif row.reproduce:
        lines += ["", "# a stand-alone script that fails:", row.reproduce]
    return "\n".join(lines)


def problem_text(problem: Mapping[str, Any]) -> str:
    """Show a recorded problem: `seed=0, optimizer=adamw(learning_rate=0.1), steps=2`."""
    return ", ".join(f"{name}={value}" for name, value in problem_parts(problem))


def problem_parts(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a recorded problem as names and texts, without the usual values, and
    without those that make batches where the user's own are given.
    """
    unused = _MAKE_BATCHES if problem.get("batches") else ()
    return [
        (name, _SHOWN.get(name, repr)(value))
        for name, value in _with_steps(problem).items()
        if not any(value is usual or value == usual for usual in _USUAL if usual is not False)
        and value is not False
        and name not in unused
    ]


def _with_steps(problem: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a problem with the number of its steps, if it does nothing else."""
    actions = problem.get("actions") or ["freeze"]
    if set(actions) != {"step"}:
        return problem
    counted = {"actions": ("steps", len(actions))}
    return dict(counted.get(name, (name, value)) for name, value in problem.items())


def _optimizer(record: Mapping[str, Any]) -> str:
    """Spell an optimizer as messages do, `sgd(…, momentum=0.9)`, and one of another release, which
    is not in the catalogue, by its name.
    """
    with suppress(ValueError):
        return str(read_optimizer(record))
    settings = [f"{key}={value!r}" for key, value in record["hyperparameters"].items()]
    inner = [_optimizer(record["inner"])] if record["inner"] else []
    arguments = ", ".join(inner + settings)
    return f"{record['name']}({arguments})" if arguments else str(record["name"])


def _architecture(record: Mapping[str, Any]) -> str:
    layers = record["layers"]
    return " → ".join(f"{each['name']}({each.get('width', each['kind'])})" for each in layers)


def _batches(records: Sequence[Mapping[str, Any]]) -> str:
    return f"[{', '.join(map(batch_text, records))}]"


_SHOWN: Mapping[str, Callable[[Any], str]] = {
    "optimizer": _optimizer,
    "architecture": _architecture,
    "batches": _batches,
    "fill": lambda seed: f"{seed} (the seed of the data)",
}
