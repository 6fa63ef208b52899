"""A comparison of two runs in words: on the terminal, and as Markdown for a CI job summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ..formats.markdown import cell
from ..results.reading import read_report
from ..results.report import Report
from ..results.report_file import replace_file
from .baseline import Known, read_baseline
from .compare import ALARMING, KINDS, Change, Comparison, Kind, compare

_STYLES: Mapping[Kind, str] = {
    "regressed": "bold red",
    "gone": "bold red",
    "not run": "yellow",
    "failing": "yellow",
    "unproved": "yellow",
    "fixed": "green",
    "new": "dim",
}
_BRIEFLY = {
    "regressed": "regressed",
    "gone": "gone",
    "not run": "no longer run",
    "failing": "failing beyond their last day",
}
#: The most laws that a line names.
_NAMED = 5
#: The most changes that are listed where none of them raises an alarm, as in a first night.
_MOST = 30


def print_compared(before: Path, after: Path, baseline: Path | None, markdown: Path | None) -> int:
    """Print the changes between two reports.

    Args:
        before: the older report.json, or its folder.
        after: the newer one.
        baseline: a TOML file of known failures, if there is one.
        markdown: where to write the comparison as Markdown too.

    Returns:
        The exit status: 1 where a promised law regressed or is lost, or one more subject cannot be
        judged, else 0.

    Raises:
        ValueError: for a file that cannot be read or written.
    """
    known = read_baseline(baseline)
    comparison = compare(read_report(before), read_report(after), known)
    print_comparison(comparison, Console(highlight=False, soft_wrap=True, emoji=False))
    if markdown is not None:
        try:
            replace_file(markdown, comparison_markdown(comparison))
        except OSError as error:
            raise ValueError(f"--markdown {markdown}: {error.strerror}") from None
    return comparison.exit_status


def conclusion(comparison: Comparison) -> str:
    """Say in one line how many more subjects cannot be judged, and whether a promised law
    regressed, or else what did without an alarm.
    """
    count = len(comparison.unusable)
    unusable = f"{count} more subject{'s' * (count != 1)} cannot be judged" if count else ""
    return "; ".join(filter(None, (unusable, _conclusion_of_laws(comparison))))


def _conclusion_of_laws(comparison: Comparison) -> str:
    if comparison.alarms:
        return f"promised laws: {_counted(comparison.alarms)}"
    quiet = [change for change in comparison.changes if change.kind in ALARMING]
    if not quiet:
        return f"{'no promised law' if comparison.unusable else 'nothing promised'} regressed"
    known = [change for change in quiet if change.excused]
    beyond = [change for change in quiet if not change.excused]
    parts = [f"no promised law regressed{' that is not known' if known else ''}"]
    parts += [f"known: {_counted(known)}"] if known else []
    parts += [f"beyond the promise: {_counted(beyond)}"] if beyond else []
    return "; ".join(parts)


def _counted(changes: Sequence[Change]) -> str:
    """Count changes by kind, and name the laws."""
    kinds = Counter(_BRIEFLY[change.kind] for change in changes)
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    laws = list(dict.fromkeys(change.id.rpartition("::")[2] for change in changes))
    more = f" and {len(laws) - _NAMED} more" if len(laws) > _NAMED else ""
    return f"{counts} ({', '.join(laws[:_NAMED])}{more})"


def facts(comparison: Comparison) -> list[str]:
    """Say how much ran each time, on which versions, and under which name."""
    lines = [f"before: {_extent(comparison.before)}", f"now: {_extent(comparison.after)}"]
    lines += [f"{name} {old} → {new}" for name, (old, new) in comparison.versions.items()]
    if comparison.renamed:
        lines.append("compared as one program: {} → {}".format(*comparison.renamed))
    return lines


def _extent(report: Report) -> str:
    summary = report.summary
    examples = sum(row.examples for row in report.rows)
    ended = "" if report.finished else ", and ended before all laws were judged"
    return f"ran {summary['ran']} of {summary['of']} laws on {examples} examples{ended}"


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the changes, the most urgent first."""
    for line in facts(comparison):
        console.print(f"[dim]{escape(line)}[/]")
    for heading, reasons in _unusable(comparison):
        console.print(f"\n[bold red]{heading}[/]")
        for reason in reasons:
            console.print(f"  {escape(reason)}")
    for kind, changes, more in _sections(comparison):
        console.print(f"\n[{_STYLES[kind]}]{KINDS[kind]}[/]")
        for change in changes:
            console.print(f"  {escape(change.id)}  [{_STYLES[kind]}]{change.verdicts}[/]")
            for remark in remarks(change):
                console.print(f"      [dim]{escape(remark)}[/]")
        if more:
            console.print(f"  … and {more} more")
    for line in of_baseline(comparison):
        console.print(f"\n[yellow]{escape(line)}[/]")
    style = "bold red" if comparison.exit_status else "bold green"
    console.print(f"\n[{style}]{escape(conclusion(comparison))}[/]")


def comparison_markdown(comparison: Comparison, title: str = "What changed") -> str:
    """Return the same as Markdown."""
    sign = "❌" if comparison.exit_status else "✅"
    lines = [f"# {cell(title)}", "", f"{sign} {cell(conclusion(comparison))}", ""]
    lines += [f"- {cell(line)}" for line in facts(comparison)]
    for heading, reasons in _unusable(comparison):
        lines += ["", f"## {heading.capitalize()}", "", *(f"- {cell(each)}" for each in reasons)]
    for kind, changes, more in _sections(comparison):
        lines += ["", f"## {KINDS[kind].capitalize()}", ""]
        lines += ["| law on subject | verdict | |", "|---|---|---|"]
        for change in changes:
            why = "<br>".join(cell(remark) for remark in remarks(change))
            lines.append(f"| {cell(change.id)} | {change.verdicts} | {why} |")
        if more:
            lines += ["", f"… and {more} more"]
    if old := of_baseline(comparison):
        lines += ["", "## Baseline", "", *(f"- {cell(line)}" for line in old)]
    return "\n".join(lines) + "\n"


def remarks(change: Change) -> Iterator[str]:
    """Say why the verdict is as it is, whether it is promised, and whether a baseline knows it."""
    if change.reason and change.kind != "fixed":
        yield change.reason
    if not change.promised:
        yield "beyond the promise"
    elif change.after and not change.after.promised:
        yield "no longer promised"
    if change.known and change.excused:
        yield f"known until {change.known.expires}: {change.known.reason}"
    elif change.known:
        yield f"was known until {change.known.expires}: {change.known.reason}"


def of_baseline(comparison: Comparison) -> list[str]:
    """Say which entries of the baseline need attention."""
    expired, stale = comparison.baseline.expired(), comparison.stale
    lines = [f"expired on {each.expires}: {_entry(each)}" for each in expired if each not in stale]
    return lines + [f"stale, since nothing fails: {_entry(each)}" for each in stale]


def _entry(known: Known) -> str:
    return f"{known.id} ({known.reason})"


def _unusable(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    """Yield why subjects cannot be judged, under a heading: those that could be before first."""
    if comparison.unusable:
        yield "cannot be judged", comparison.unusable
    if comparison.still_unusable:
        yield "still cannot be judged", comparison.still_unusable


def _sections(comparison: Comparison) -> Iterator[tuple[Kind, list[Change], int]]:
    """Yield each kind that occurs, the changes to show, and the number of those left out.

    All alarms are shown.
    """
    for kind in KINDS:
        changes = comparison.of_kind(kind)
        shown = max(_MOST, sum(change.alarms for change in changes))
        if changes:
            yield kind, changes[:shown], len(changes[shown:])
