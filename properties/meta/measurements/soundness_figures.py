"""What the soundness run found, as Markdown: examples a program, and each verdict but “held”."""

from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from frostproof.reference.corpus.register import EXERCISES, accepted_programs
from frostproof.reference.subjects.targets import REFERENCES
from frostproof.reports.results.row import FAILING

Row = dict[str, Any]
VERSIONS = ("optax", "jax", "flax", "hypothesis", "frostproof")


def write_figures(folder: Path, rows: list[Row]) -> None:
    """Write `soundness.md` into a folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soundness.md").write_text(markdown(rows), encoding="utf-8")


def markdown(rows: list[Row]) -> str:
    """Return the tables: a line for each reference, and one for the accepted programs of a kind."""
    made_of = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    accused = [row for row in rows if row["verdict"] in FAILING]
    examples = sum(row["examples"] for row in rows)
    begun = {row["subject"] for row in rows}
    of = len(REFERENCES) + len(accepted_programs())
    summary = (
        "Correct programs, held to what they promise: whatever is refuted is a false alarm. "
        f"{len(rows)} verdicts on {len(begun)} of {of} programs, {examples:,} examples, "
        f"**{len(accused)} false alarms**. Last measured with {made_of}."
    )
    lines = [
        "# Soundness",
        "",
        summary,
        "",
        "| program | laws | examples | fewest of a law that was judged | false alarms |",
        "|---|---|---|---|---|",
    ]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_group(row["subject"])].append(row)
    for name in sorted(groups, key=[*REFERENCES, *_ACCEPTED].index):
        judged = [row for row in groups[name] if row["verdict"] != "not-run"]
        lines.append(
            f"| {name} | {len(judged)} | {sum(row['examples'] for row in judged):,} "
            f"| {min((row['examples'] for row in judged), default=0):,} "
            f"| {sum(row['verdict'] in FAILING for row in judged)} |"
        )
    others: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row["verdict"] != "held" or row["reason"]:
            others[row["law"], row["verdict"], row["reason"]].append(row["subject"])
    if others:
        lines += ["", "## Not held, or not in full", ""]
        lines += ["| law | verdict | why | programs |", "|---|---|---|---|"]
        for (law, verdict, reason), names in sorted(others.items()):
            programs = names[0] if len(names) == 1 else len(names)
            lines.append(f"| {law} | {verdict} | {reason} | {programs} |")
    return "\n".join(lines) + "\n"


_ACCEPTED = ("accepted exercises", "accepted trainers and wrappers")


def _group(subject: str) -> str:
    if subject in REFERENCES:
        return subject
    return _ACCEPTED[subject not in {each.target for each in accepted_programs(*EXERCISES)}]
