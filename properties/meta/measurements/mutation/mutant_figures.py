"""What became of the mutants, as JSON and as Markdown, with the reason for each that survived."""

import json
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from frostproof.properties.meta.measurements.mutation.mutation_equivalents import EQUIVALENT

Row = dict[str, Any]
VERSIONS = ("cosmic-ray", "optax", "jax", "flax", "hypothesis", "frostproof")


def of_optax(row: Row) -> bool:
    """Tell whether a mutant is one of Optax."""
    return str(row["module"]).startswith("optax.")


def killed(row: Row, suite: str) -> bool:
    """Tell whether a suite found a mutant."""
    return row.get(suite) is not None


def survivors(rows: list[Row]) -> list[Row]:
    """Return the mutants that no suite of ours found: the laws, or for our modules the tests."""
    return [
        row
        for row in born(rows)
        if not killed(row, "laws") and (of_optax(row) or not killed(row, "tests"))
    ]


def born(rows: list[Row]) -> list[Row]:
    """Leave out mutants that cannot be imported: nobody needs a test to find those."""
    return [row for row in rows if "stillborn" not in row]


def lacking(rows: list[Row]) -> bool:
    """Tell whether an unexplained mutant survived, or Optax's own tests found more of Optax's."""
    theirs = [row for row in born(rows) if of_optax(row)]
    by_laws, by_tests = (sum(killed(row, suite) for row in theirs) for suite in ("laws", "tests"))
    return by_laws < by_tests or any(row["id"] not in EQUIVALENT for row in survivors(rows))


def write_figures(folder: Path, rows: list[Row], mutants: int) -> None:
    """Write both files into a folder, made if need be; so many mutants there are in all."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {name: version(name) for name in VERSIONS}
    text = ",\n".join(json.dumps(row) for row in rows)
    head = f'"schema": 1, "versions": {json.dumps(versions)}, "of": {mutants}'
    whole = f'{{{head}, "mutants": [\n{text}\n]}}\n'
    (folder / "mutants.json").write_text(whole, encoding="utf-8")
    (folder / "mutants.md").write_text(markdown(rows, mutants, versions), encoding="utf-8")


def markdown(rows: list[Row], mutants: int, versions: dict[str, str]) -> str:
    """Return the tables."""
    made_of = ", ".join(f"{name} {number}" for name, number in versions.items())
    lines = [
        "# Mutants",
        "",
        (
            "Small changes by cosmic-ray's operators, one to a mutant. Left out are changes of "
            "annotations, what does not compile, and “stillborn” mutants, which cannot be "
            f"imported. {len(rows)} of {mutants} were measured, with {made_of}."
        ),
        "",
        "## Optax's modules of freezing, masking and partition",
        "",
        (
            "The same mutants, judged by our laws (on the wrappers in `reference/` and "
            "`reference/corpus/accepted/`) and by Optax's own tests of these three modules, "
            "without the two of them that fail on the modules as they are."
        ),
        "",
        "| module | mutants | equivalent | killed by our laws | by Optax's tests |",
        "|---|---|---|---|---|",
        *_table([row for row in rows if of_optax(row)]),
        "",
        "## `reference/`",
        "",
        "Judged by the laws, and what they leave by the tests of the suite.",
        "",
        "| module | mutants | equivalent | killed by the laws | by the tests alone |",
        "|---|---|---|---|---|",
        *_table([row for row in rows if not of_optax(row)]),
        "",
        "## Survivors",
        "",
        "| mutant | Optax's tests | why |",
        "|---|---|---|",
    ]
    for row in survivors(rows):
        theirs = ("killed" if killed(row, "tests") else "survived") if of_optax(row) else ""
        why = EQUIVALENT.get(row["id"], "**not explained**")
        change = row["id"].replace("|", "\\|")
        lines.append(f"| `{change}` (line {row['line']}) | {theirs} | {why} |")
    return "\n".join(lines) + "\n"


def _table(rows: list[Row]) -> list[str]:
    lines = []
    groups = [(name, list(group)) for name, group in groupby(rows, lambda row: row["module"])]
    for name, group in [*groups, ("**all**", rows)]:
        alive = born(group)
        equivalent = sum(row["id"] in EQUIVALENT for row in survivors(group))
        counts = (
            len(alive),
            equivalent,
            *(sum(killed(row, suite) for row in alive) for suite in ("laws", "tests")),
        )
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return lines
