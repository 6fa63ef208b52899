"""The kill matrix in a report: how many examples each law needed to refute each faulty program.

It is read from a `kill-matrix.json` in the report's folder. A number is that of the first example
that failed; an empty cell means that no example failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ....properties.laws.book import BY_ID
from .matrix import Cell, Group, Head, Matrix, law_groups

KILLS = "kill-matrix.json"


def read_kills(folder: Path) -> Mapping[str, Any] | None:
    """Return the kill matrix of a folder; None where the file is missing or is something else."""
    try:
        content = json.loads((folder / KILLS).read_text(encoding="utf-8"))
        list(kill_matrices(content))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return dict(content)


def kill_matrices(kills: Mapping[str, Any]) -> Iterator[Matrix]:
    """Yield specimens × seeds, each by its law, and specimens × laws if all laws were tried."""
    own = {row["specimen"]: row for row in kills["rows"]}
    seeds = max((len(row["seeds"]) for row in own.values()), default=0)
    if seeds:
        groups, places = _specimens(list(own))
        yield Matrix(
            "Specimens by seed",
            groups,
            [Group("", [Head(str(seed), f"seed {seed}") for seed in range(seeds)])],
            {
                (places[name], seed): _cell(count, "its law", own=True)
                for name, row in own.items()
                for seed, count in enumerate(row["seeds"])
            },
        )
    tried = kills["matrix"]
    if tried:
        groups, places = _specimens(list(tried))
        guarantees = {
            law: BY_ID[law].guarantee if law in BY_ID else ""
            for laws in tried.values()
            for law in laws
        }
        columns, positions = law_groups(guarantees)
        yield Matrix(
            "Specimens by law",
            groups,
            columns,
            {
                (places[name], positions[law]): _cell(
                    count, law, own=name in own and own[name]["law"] == law
                )
                for name, laws in tried.items()
                for law, count in laws.items()
            },
        )


def _specimens(names: Sequence[str]) -> tuple[list[Group], dict[str, int]]:
    """Return specimens grouped by their files, and the row of each."""
    groups = [
        Group(file.rpartition("/")[2], [Head(name.rpartition("/")[2], name) for name in group])
        for file, group in groupby(names, lambda name: name.rpartition("/")[0])
    ]
    return groups, {name: row for row, name in enumerate(names)}


def _cell(count: int | None, law: str, *, own: bool) -> Cell:
    if count is None:
        return Cell("alive" if own else "stands", "outlived it" if own else "stands", "", law)
    return Cell("killed own" if own else "killed", str(count), "", law)
