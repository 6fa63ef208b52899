"""Judges the newest releases instead of those of the table, and prints which cells changed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from ...reference.corpus.libraries import VALIDATIONS, Validation
from ..results.report_file import replace_file
from .environments import EnvironmentNotMade
from .judging import NotJudged
from .kept import kept_or_judged
from .releases import newest
from .table import COLUMNS, judged_version, table_row

TABLE = Path(__file__).parents[2] / "reference" / "corpus" / "libraries" / "README.md"
#: Cells that a release can change: not the name of the recipe, nor the version.
_COMPARED = range(2, len(COLUMNS))


def at_newest(validation: Validation, newest: Callable[[str], str]) -> Validation:
    """Return a recipe with the newest release of its library.

    Other packages of a shared environment come in the release that pip takes for the library; an
    environment that shares nothing keeps the older packages that the recipe needs. A recipe
    without an environment is judged with what is installed.
    """
    environment = validation.environment
    if environment is None:
        return validation
    libraries = {each.library for each in VALIDATIONS}
    packages = []
    for pin in environment.packages:
        name, _, _ = pin.partition("==")
        if name in libraries:
            pin = f"{name}=={newest(name)}"
        packages.append(name if environment.shares and name not in libraries else pin)
    return replace(validation, environment=replace(environment, packages=tuple(packages)))


def cells_of(row: str) -> list[str]:
    """Return the cells of a row of the table."""
    return re.split(r" (?<!\\)\| ", row.strip().strip("|").strip())


def rows_of(table: str) -> dict[tuple[str, str], list[str]]:
    """Return the rows of the table by recipe and library."""
    rows = map(cells_of, filter(lambda line: line.startswith("| "), table.splitlines()))
    return {
        (cells[0], cells[1].split()[0]): cells
        for cells in rows
        if len(cells) == len(COLUMNS) and cells[0] != COLUMNS[0]
    }


def without_numbers(text: str) -> str:
    """Return a counterexample without its numbers, which another processor rounds differently."""
    return re.sub(r"-?\d[\d.e+-]*|inf|nan", "#", text)


def changes(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Return a line for each cell of a row that says something else than before."""
    return [
        f"{COLUMNS[place]}: {before[place]} → {now[place]}"
        for place in _COMPARED
        if without_numbers(before[place]) != without_numbers(now[place])
    ]


def row_changes(
    validation: Validation, row: str, table: Mapping[tuple[str, str], list[str]]
) -> str:
    """Say of a recipe's new row what differs from the table, as lines of Markdown."""
    now = cells_of(row)
    before = table.get((validation.recipe, validation.library))
    if before is None:
        return f"- {now[0]}, {now[1]}: not in the table yet"
    release = now[1] if before[1] == now[1] else f"{before[1]} → {judged_version(validation)}"
    changed = changes(before, now)
    return "\n".join(
        [f"- {now[0]}, {release}: {'changed' if changed else 'as in the table'}"]
        + [f"  - {each}" for each in changed]
    )


def print_changes(chosen: Sequence[Validation], summary: Path | None = None) -> int:
    """Judge the newest releases, and print what differs from the table.

    Args:
        chosen: the recipes.
        summary: a file that gets the lines as well, those that differ first.

    Returns:
        1 if something differs or cannot be judged, else 0.

    Raises:
        ValueError: where the file cannot be written; all is printed by then.
    """
    table = rows_of(TABLE.read_text(encoding="utf-8"))
    said = []
    for line in chain(_not_installed(chosen), (_said(each, table) for each in chosen)):
        print(line, flush=True)
        said.append(line)
    same = [line for line in said if line.endswith("as in the table")]
    if summary:
        differ = [line for line in said if line not in same]
        lines = ["# Libraries, at their newest releases", "", *differ, *same]
        try:
            replace_file(summary, "\n".join(lines) + "\n")
        except OSError as error:
            raise ValueError(f"--summary {summary}: {error.strerror}") from None
    return 0 if len(same) == len(said) else 1


def _not_installed(chosen: Sequence[Validation]) -> Iterator[str]:
    """Name libraries that are judged as installed, where that is not the newest release."""
    for library in dict.fromkeys(each.library for each in chosen if each.environment is None):
        found, installed = newest(library), version(library)
        if found != installed:
            yield f"- {library} {found} is out; {installed} is judged, as installed"


def _said(validation: Validation, table: Mapping[tuple[str, str], list[str]]) -> str:
    release = f"{validation.library} {judged_version(validation)}"
    try:
        latest = at_newest(validation, newest)
        if judged_version(latest) != judged_version(validation):
            release += f" → {judged_version(latest)}"
        return row_changes(latest, table_row(latest, kept_or_judged(latest)), table)
    except (EnvironmentNotMade, NotJudged) as error:
        return f"- {validation.recipe}, {release}: not judged: {error}"
