"""What the kill matrix found, as JSON for reports and as Markdown for people.

`kill-matrix.json`:

    {"schema": 1, "max_examples": 100, "versions": {"jax": "0.10.2", …},
     "summary": {"specimens": 300, "of": 313, "seeds": 20, "dead": 300, "median": 1,
                 "slowest": 12.5},
     "rows": [{"specimen": "specimen/freezing/weight-decay", "kind": "linen",
               "law": "answer-norms-equal",
               "seeds": [1, 1, 3, null, …], "size": {"problems": 1, "rows": 1, …} or null}, …],
     "matrix": {"specimen/freezing/weight-decay": {"answer-shape": null, …}, …}}

A number is that of the example that was the first to fail, and null says that none did. For a law
that is judged over the run it is the length of the shortest run tried that refutes. `dead` counts
the specimens that every seed refuted, of those that were measured, `slowest` is the largest of
their medians; `size` is what the
shrunk counterexample of the first seed is made of; more than `SMALLEST` (in `register.py`) and the
specimen's own needs fails the run. `matrix` is empty unless it was asked for.
"""

import json
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

Row = dict[str, Any]
#: A specimen is late whose median over the seeds is larger.
LATE = 15
#: Packages whose versions matter to what was measured.
VERSIONS = ("frostproof", "jax", "flax", "optax", "hypothesis")


def middle(row: Row) -> float:
    """Return the median over the seeds; a seed that refuted nothing counts as infinitely many."""
    return median(float("inf") if count is None else count for count in row["seeds"])


def failing(row: Row) -> bool:
    """Tell whether a specimen outlived a seed, is late, or shrinks to more than it needs."""
    return None in row["seeds"] or middle(row) > LATE or bool(row["larger"])


def write_figures(
    folder: Path, own: list[Row], every: list[Row], specimens: int, max_examples: int
) -> None:
    """Write both files into a folder, made if need be; so many specimens there are in all."""
    summary = {
        "specimens": len(own),
        "of": specimens,
        "seeds": max(len(row["seeds"]) for row in own),
        "dead": sum(None not in row["seeds"] for row in own),
        "median": median(middle(row) for row in own),
        "slowest": max(middle(row) for row in own),
    }
    kept = ("specimen", "kind", "law", "seeds", "size")
    head = {
        "schema": 1,
        "max_examples": max_examples,
        "versions": {name: version(name) for name in VERSIONS},
        "summary": summary,
    }
    rows = ",\n".join(json.dumps({name: row[name] for name in kept}) for row in own)
    matrix = ",\n".join(
        f"{json.dumps(row['specimen'])}: {json.dumps(row['laws'])}" for row in every
    )
    text = json.dumps(head)[:-1] + f',\n"rows": [\n{rows}\n],\n"matrix": {{\n{matrix}\n}}}}\n'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kill-matrix.json").write_text(text, encoding="utf-8")
    (folder / "kill-matrix.md").write_text(markdown(own, every, summary, head), encoding="utf-8")


def markdown(own: list[Row], every: list[Row], summary: Row, head: Row) -> str:
    """Return a summary: law by law, and every specimen that takes more than one example."""
    versions = ", ".join(f"{name} {number}" for name, number in head["versions"].items())
    lines = [
        "# Kill matrix",
        "",
        (
            f"{summary['specimens']} of {summary['of']} specimens were measured. "
            f"{summary['dead']} of {summary['specimens']} were refuted by their law "
            f"within {head['max_examples']} examples with each of {summary['seeds']} seeds. The "
            f"median of the examples to the first failure is {summary['median']:g}; the slowest "
            f"specimen has one of {summary['slowest']:g}. Measured with {versions}."
        ),
        "",
        "| law | specimens | median | slowest median | most |",
        "|---|---|---|---|---|",
    ]
    for law, group in groupby(sorted(own, key=lambda row: row["law"]), lambda row: row["law"]):
        rows = list(group)
        middles = [middle(row) for row in rows]
        counts = [float("inf") if c is None else c for row in rows for c in row["seeds"]]
        lines.append(
            f"| `{law}` | {len(rows)} | {median(middles):g} | {max(middles):g} | {max(counts):g} |"
        )
    lines += [
        "",
        (
            "Specimens that some seed did not refute by its first example, the slowest first; the "
            "others die at once."
        ),
        "",
        "| specimen | law | median | most | size of the counterexample |",
        "|---|---|---|---|---|",
    ]
    slow = [row for row in own if set(row["seeds"]) != {1}]
    for row in sorted(slow, key=middle, reverse=True):
        most = max(float("inf") if count is None else count for count in row["seeds"])
        size = ", ".join(f"{name} {number}" for name, number in (row["size"] or {}).items())
        lines.append(
            f"| {row['specimen']} | `{row['law']}` | {middle(row):g} | {most:g} | {size} |"
        )
    if every:
        lines += ["", *_by_every_law(every)]
    return "\n".join(lines) + "\n"


def _by_every_law(every: list[Row]) -> list[str]:
    laws = sorted({law for row in every for law in row["laws"]})
    lines = [
        (
            f"Of {len(every)} specimens that were also judged by every other law that applies, "
            "with one seed, each law refutes:"
        ),
        "",
        "| law | judged | refuted |",
        "|---|---|---|",
    ]
    for law in laws:
        found = [row["laws"][law] for row in every if law in row["laws"]]
        refuted = sum(count is not None for count in found)
        lines.append(f"| `{law}` | {len(found)} | {refuted} |")
    return lines
