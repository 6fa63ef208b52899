"""A diff on the terminal: a table of groups, what moved, what stayed, and the verdicts."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from ...properties.checkpoints.judging import Judged
from ...properties.checkpoints.naming import suggested_maps
from ...properties.checkpoints.roles import Role
from ...properties.checkpoints.verdicts import sentence
from ...reference.checkpoints.stored_leaf import Checkpoint
from ...reference.pytrees.paths import Path, path_text
from ..formats.wording import conclusion
from ..results.report import Report
from .groups import Group, groups, stayed, uniform_prefixes

#: Leaves that are listed of one kind: with the table and the verdicts it stays a screen.
_LISTED = 6
#: Prefixes that are listed where nothing had to stay; a command with more of them nobody reads.
_PATTERNS = 12
#: Groups that the table shows: a model may have thousands of layers beside each other.
_ROWS = 40
_ALL = "--json or --report DIR has all of them"
_STYLES = {"held": "green", "refuted": "bold red", "not-run": "dim"}


def print_judged(
    before: Checkpoint,
    after: Checkpoint,
    judged: Sequence[Judged],
    still: Collection[Path],
    report: Report,
) -> None:
    """Print what became of the leaves, and the verdicts."""
    console = _console()
    _heads(console, before, after)
    _table(console, groups(judged))
    moved = [each for each in judged if each.role is Role.FROZEN and each.moved]
    _list(console, "frozen leaves that moved", [escape(_moved(each)) for each in moved])
    form = [each for each in judged if each.role is Role.TRAINABLE and each.pair.form_change]
    _list(console, "leaves of another form", [escape(_moved(each)) for each in form])
    still_there = [each for each in stayed(judged) if each.path not in still]
    names = [escape(path_text(each.path)) for each in still_there]
    _list(console, "trainable leaves that stayed bit-identical", names)
    console.print()
    for row in report.rows:
        beyond = "" if row.promised else "  [dim]beyond the promise[/]"
        style = _STYLES.get(row.verdict, "")
        count = f"{row.examples:6} lea{'f  ' if row.examples == 1 else 'ves'}"
        told = f"{row.verdict:8}[/] {row.law:18} [dim]{row.guarantee:9}{count}[/]"
        console.print(f"  [{style}]{told}{beyond}")
    _renaming(console, judged)
    style = {0: "bold green", 1: "bold red"}.get(report.exit_status, "bold yellow")
    laws = ", ".join(row.law for row in report.rows if row.fails)
    console.print(f"[{style}]{conclusion(report)}[/]{f': {laws}' if laws else ''}")


def print_listed(before: Checkpoint, after: Checkpoint, judged: Sequence[Judged]) -> None:
    """Print what stayed and what moved, where nothing says what was to be frozen."""
    console = _console()
    _heads(console, before, after)
    _table(console, groups(judged), listed=True)
    parameters = [each for each in judged if each.role is not Role.STATE]
    found = list(uniform_prefixes(parameters))
    for told in ("stayed", "moved", "vanished", "appeared"):
        lines = [
            f"{escape(path_text(prefix))}  [dim]{count:,} lea{'ves' if count > 1 else 'f'}[/]"
            for prefix, fate, count in found
            if fate == told
        ]
        _list(console, "stayed bit-identical" if told == "stayed" else told, lines, _PATTERNS)
    patterns = [path_text(prefix) for prefix, fate, _ in found if fate == "stayed"]
    if 0 < len(patterns) <= _PATTERNS and any(each.fate == "moved" for each in parameters):
        names = [str(before.file), str(after.file), "--frozen", *patterns]
        console.print("\nIf just that was frozen, this judges it:")
        console.print(f"  frostproof diff {escape(shlex.join(names))}")
    _renaming(console, judged)


def _renaming(console: Console, judged: Sequence[Judged]) -> None:
    """Say how the leaves find each other where their names differ by what all of them share."""
    before, after = (
        {each.path: leaf for each in judged if (leaf := getattr(each.pair, side))}
        for side in ("before", "after")
    )
    maps = suggested_maps(before, after)
    if maps:
        options = " ".join(f"--map {escape(shlex.quote(each))}" for each in maps)
        console.print(f"\nThe names differ by what they share; add {options}")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, emoji=False)


def _heads(console: Console, before: Checkpoint, after: Checkpoint) -> None:
    for name, each in (("before", before), ("after", after)):
        size = sum(leaf.nbytes for leaf in each.leaves.values())
        leaves = "1 leaf" if len(each.leaves) == 1 else f"{len(each.leaves):,} leaves"
        told = f"{each.format}, {leaves}, {_bytes(size)}"
        console.print(f"{name:7} {escape(str(each.file))} [dim]{told}[/]")
    console.print()


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, unit
    return f"{size:.3g} {unit}"


def _table(console: Console, found: Sequence[Group], *, listed: bool = False) -> None:
    """Print a row per group, and what a mark in them means; `listed` if nothing had to stay."""
    # What went wrong stands first where not all of them are shown.
    shown = found if len(found) <= _ROWS else sorted(found, key=_rank)[:_ROWS]
    heads = ("group", "role", "leaves", "moved", "kept", "largest relative difference", "ulps")
    rows = [heads, *(_row(group, listed=listed) for group in shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        line = escape("  ".join((*left, *right)).rstrip())
        console.print(f"[dim]{line}[/]" if number == 0 else _coloured(line, shown[number - 1]))
    if len(found) > len(shown):
        console.print(f"… and {len(found) - len(shown):,} more groups: {_ALL}")
    if any(cell.startswith("≥") for row in rows for cell in row):
        console.print("[dim]≥: at least; of these leaves only a part was read, which moved[/]")
    if any(each.pair.form_change for group in shown for each in group.leaves):
        console.print("[dim]moved: or vanished, appeared, of another shape or dtype[/]")


def _rank(group: Group) -> int:
    """Return 0 where frozen leaves moved, 1 where trainable ones stayed, 2 elsewhere."""
    if group.role is Role.FROZEN and group.moved:
        return 0
    return 1 if group.role is Role.TRAINABLE and group.moved < len(group.leaves) else 2


def _coloured(line: str, group: Group) -> str:
    colour = ("red", "yellow", "")[_rank(group)]
    return f"[{colour}]{line}[/]" if colour else line


def _row(group: Group, *, listed: bool) -> tuple[str, ...]:
    numbers = ("", "")
    if group.moved and any(each.difference for each in group.leaves):
        least = "" if group.complete else "≥ "
        ulps = "–" if group.ulps is None else f"{least}{group.ulps}"
        numbers = (f"{least}{group.relative:.2g}", ulps)
    kept = len(group.leaves) - group.moved
    counts = (str(len(group.leaves)), str(group.moved), str(kept))
    # Where nothing says what had to stay, none of them is known to be trainable.
    role = "parameter" if listed and group.role is Role.TRAINABLE else str(group.role)
    return (group.name, role, *counts, *numbers)


def _list(console: Console, title: str, lines: Sequence[str], most: int = _LISTED) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/]")
        for line in _first(lines, most):
            console.print(f"  {line}")


def _first(lines: Sequence[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"… and {len(lines) - most:,} more: {_ALL}"


def _moved(judged: Judged) -> str:
    change = judged.difference and judged.difference.change
    return sentence((judged, change.describe() if change else judged.pair.form_change or ""))
