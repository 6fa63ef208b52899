"""A night in words: the summary of all cells, and the text of an issue about what is new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..comparison.compare import Change
from ..comparison.text import comparison_markdown, facts, remarks
from ..formats.markdown import cell as escaped
from .night import Cell, Night

#: An issue holds 65,536 characters, and a line may take some hundred.
_MOST = 100


def summary(night: Night) -> str:
    """Return the changes in each cell, as Markdown; cells with an alarm come first."""
    lines = [f"# {headline(night)}"]
    for cell in sorted(night.cells, key=lambda cell: not alarms(cell)):
        lines += ["", *(f"- ❌ {cell.name}: {escaped(line)}" for line in alarms(cell))]
        if cell.comparison:
            lines += ["", comparison_markdown(cell.comparison, cell.name).rstrip()]
    return "\n".join(lines) + "\n"


def headline(night: Night) -> str:
    """Say how the night went, in a line that serves as the title of an issue."""
    regressed = [cell.name for cell in night.cells if cell.regressed]
    incomplete = [cell.name for cell in night.cells if cell.failures]
    unusable = [cell.name for cell in night.cells if cell.unusable]
    count = len(_unusable(night))
    failing = [cell.name for cell in night.cells if cell.still_red]
    said = [
        f"{what} in {', '.join(cells)}"
        for what, cells in (
            (f"{len(_changes(night))} promised laws regressed", regressed),
            ("not all ran", incomplete),
            (f"{count} more subject{'s' * (count != 1)} cannot be judged", unusable),
            ("known to fail since earlier nights", [] if night.news else failing),
        )
        if cells
    ]
    return "frostproof, tonight: " + ("; ".join(said) or "nothing promised regressed")


def alarms(cell: Cell) -> list[str]:
    """Return a line per alarm of a cell: parts that did not run, subjects that cannot be judged,
    laws that fail or are lost.
    """
    lines = _failures(cell)
    lines += [f"cannot be judged: {reason}" for reason in cell.unusable]
    lines += [f"still cannot be judged: {reason}" for reason in cell.still_unusable]
    lines += [f"{change.id}: {change.verdicts}" for change in cell.regressed]
    return lines + [f"{change.id}: still {change.verdicts}" for change in cell.still_failing]


def issue(night: Night) -> str:
    """Return the text of an issue, as Markdown, the title in its first line."""
    lines = [f"# {headline(night)}", ""]
    for cell in night.cells:
        if cell.news:
            lines.append(f"- **{cell.name}**")
            lines += [f"  - {escaped(line)}" for line in _of_cell(cell)]
    told = list(_told(night))
    lines += ["", *told[:_MOST]]
    if len(told) > _MOST:
        lines.append(f"- … and {len(told) - _MOST} more")
    lines += [
        "",
        "The report of the night has counterexamples and scripts. This runs one again:",
    ]
    lines += ["`frostproof replay REPORT ID --target TARGET`."]
    return "\n".join(lines) + "\n"


def _of_cell(cell: Cell) -> list[str]:
    return (facts(cell.comparison) if cell.comparison else []) + _failures(cell)


def _failures(cell: Cell) -> list[str]:
    return [f"{part} did not run: {why}" for part, why in sorted(cell.failures.items())]


def _told(night: Night) -> Iterator[str]:
    """Yield each subject that cannot be judged, and each regression, once: with all the cells in
    which it was seen.
    """
    for reason, cells in sorted(_unusable(night).items()):
        yield f"- {escaped(reason)}: cannot be judged in {', '.join(cells)}"
    for (id, verdicts), found in sorted(_changes(night).items()):
        why = next(iter(found.values()))
        reason = "; ".join(remarks(why))[:400]
        yield f"- {escaped(id)}: {verdicts} in {', '.join(found)}: {escaped(reason)}"


def _unusable(night: Night) -> dict[str, list[str]]:
    cells: dict[str, list[str]] = defaultdict(list)
    for cell in night.cells:
        for reason in cell.unusable:
            cells[reason].append(cell.name)
    return cells


def _changes(night: Night) -> dict[tuple[str, str], dict[str, Change]]:
    changes: dict[tuple[str, str], dict[str, Change]] = defaultdict(dict)
    for cell in night.cells:
        for change in cell.regressed:
            changes[change.id, change.verdicts][cell.name] = change
    return changes
