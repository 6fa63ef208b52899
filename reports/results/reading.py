"""Reads a report.json that any run has written, on any machine.

A report is data: nothing in it is evaluated or imported. `report.schema.json`, which the package
ships, describes its form.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...reference.subjects.targets import canonical
from .array_files import SCRIPTS, with_arrays_from_files
from .guarantees import Asked
from .journal import JOURNAL, Gathered, journal_entries
from .report import SCHEMA, Part, Report
from .report_file import REPORT
from .row import Row

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_FIELDS = {field.name for field in fields(Row)}


class UnreadableReport(ValueError):
    """A report.json is missing, is not a report, or has another version: one line says which."""


def read_report(place: Path) -> Report:
    """Read a report.

    Args:
        place: a report.json, a journal, or a folder with either. Where a run was killed, the
            journal tells more than the report.json beside it.

    Returns:
        The report, without fields that only a later frostproof knows.

    Raises:
        UnreadableReport: in one line that names the file.
    """
    path = place
    if place.is_dir():
        journal = place / JOURNAL
        path = journal if journal.exists() else place / REPORT
    try:
        text = path.read_text(encoding="utf-8")
        report = _of_journal(text) if path.name == JOURNAL else as_report(_parsed(text))
        scripts = path.parent / SCRIPTS
        report.rows = [with_arrays_from_files(row, scripts) for row in report.rows]
        return report
    except FileNotFoundError:
        raise UnreadableReport(f"{path}: the file does not exist: {_EXPECTED}") from None
    except OSError as error:
        raise UnreadableReport(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableReport(f"{path}: {_NOT_OURS}: the text is not UTF-8") from None
    except UnreadableReport as error:
        said = str(error) if path.suffix in (".json", ".jsonl") else f"{_NOT_OURS}: {_EXPECTED}"
        raise UnreadableReport(f"{path}: {said}") from None


_NOT_OURS = "this file is not a report of frostproof"
_EXPECTED = (
    "expected a report.json or its folder, as `frostproof verify TARGET --report DIR` writes it"
)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"broken JSON in line {error.lineno}: {error.msg}"
        raise UnreadableReport(f"{_NOT_OURS}: {where}") from None
    except RecursionError:
        raise UnreadableReport(f"{_NOT_OURS}: its JSON is nested too deep") from None


def _of_journal(text: str) -> Report:
    try:
        gathered = Gathered.from_journal(journal_entries(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableReport(f"this file is not a journal of frostproof: {error!r}") from None
    return as_report(json.loads(gathered.report.to_json()))


def as_report(content: Any) -> Report:
    """Return parsed JSON as a report; raises `UnreadableReport`."""
    if not isinstance(content, dict) or "schema" not in content:
        raise UnreadableReport(f"{_NOT_OURS}: it has no `schema`")
    if content["schema"] != SCHEMA:
        raise UnreadableReport(
            f"the report has version {content['schema']!r}, expected version {SCHEMA}: read it "
            "with the frostproof that wrote it"
        )
    fault = next(_validator().iter_errors(content), None)
    if fault is not None:
        raise UnreadableReport(f"{_NOT_OURS}: {fault.json_path}: {_shortened(fault.message)}")
    rows = [_row(verdict) for verdict in content["verdicts"]]
    # What a summary counts beyond the rows never became one.
    not_run = Counter(row.reason for row in rows if row.verdict == "not-run")
    return Report(
        content["profile"],
        content["seed"],
        rows,
        Counter(content["summary"]["not_run"]) - not_run,
        content["versions"],
        content.get("started"),
        content.get("finished", True),
        shard=content.get("shard"),
        asked={
            canonical(name): Asked(tuple(each["by_name"]), tuple(each["omitted"]))
            for name, each in content.get("asked", {}).items()
        },
        parts=[_part(part) for part in content.get("parts", ())],
        unusable=Counter(content.get("unusable", {})),
    )


def _row(verdict: Mapping[str, Any]) -> Row:
    row = Row(**{name: value for name, value in verdict.items() if name in _FIELDS})
    # An earlier release named a reference by its module: reports are compared across layouts.
    return replace(row, subject=canonical(row.subject), id=_canonical_id(row.id))


def _part(part: Mapping[str, Any]) -> Part:
    known = Part(**{field.name: part[field.name] for field in fields(Part) if field.name in part})
    verdicts = {_canonical_id(id): verdict for id, verdict in known.verdicts.items()}
    return replace(known, verdicts=verdicts)


def _canonical_id(id: str) -> str:
    subject, separator, law = id.rpartition("::")
    return f"{canonical(subject)}{separator}{law}"


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # 0.1 s, for whoever reads a report

    return Draft202012Validator(schema())


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a report."""
    text = (files(__package__) / "report.schema.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _shortened(message: str) -> str:
    """Cut a message of jsonschema short: it quotes the value, which may be the whole report."""
    return message if len(message) <= 200 else f"{message[:100]} … {message[-100:]}"
