"""Judges a program by the parameters that it left in files, before and after its training."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...properties.laws.book import BY_ID
from ...reference.pytrees.assert_frozen import assert_frozen
from ..results.report import Report
from ..results.row import Row

Leaves = Mapping[str, np.ndarray[Any, Any]]


def report_of(subject: str, folder: Path, frozen: tuple[str, ...], seed: int) -> Report:
    """Return the rows that such files can tell: frozen leaves keep their values, and others move.

    Args:
        subject: what the rows are about.
        folder: holds `OPTIMIZER.before.npz` and `OPTIMIZER.after.npz`, leaves by path.
        frozen: prefixes of the paths that have to stay.
        seed: of the program, for the report.
    """
    pairs = {
        path.name.removesuffix(".before.npz"): (_read(path), _read(_after(path)))
        for path in sorted(folder.glob("*.before.npz"))
    }
    if not pairs:
        return Report("default", seed)
    found = {
        "frozen-value": _first(_moved(*pair, frozen, name) for name, pair in pairs.items()),
        "trainable-moves": _never_moved(list(pairs.values()), frozen),
    }
    rows = [_row(subject, law, len(pairs), reason, seed) for law, reason in found.items()]
    return Report("default", seed, rows)


def _after(path: Path) -> Path:
    return path.with_name(path.name.replace(".before.", ".after."))


def _read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as file:
        return dict(file)


def _first(reasons: Iterable[str | None]) -> str | None:
    return next(filter(None, reasons), None)


def _moved(before: Leaves, after: Leaves, frozen: tuple[str, ...], optimizer: str) -> str | None:
    """Return how the first frozen leaf moved, if one did."""
    for path, leaf in before.items():
        if path.startswith(frozen):
            try:
                assert_frozen({path: leaf}, {path: after[path]}, frozen=lambda _: True)
            except AssertionError as error:
                change = str(error).splitlines()[-1].split("  ")[-1]
                return f"{path}: frozen leaf changed: {change}, under {optimizer}"
    return None


def _never_moved(pairs: list[tuple[Leaves, Leaves]], frozen: tuple[str, ...]) -> str | None:
    """Return the first trainable leaf that no optimizer moved, if there is one."""
    for path in pairs[0][0]:
        kept = all(np.array_equal(before[path], after[path]) for before, after in pairs)
        if kept and not path.startswith(frozen):
            return f"{path}: trainable leaf never moved"
    return None


def _row(subject: str, law: str, examples: int, reason: str | None, seed: int) -> Row:
    known = BY_ID[law]
    row = Row(f"{subject}::{law}", subject, law, known.guarantee, True, "held", examples, reason)
    if reason is None:
        return row
    told = {"law": known.statement, "message": reason, "problems": [{"seed": seed}], "facts": {}}
    return replace(row, verdict="refuted", counterexample=told)
