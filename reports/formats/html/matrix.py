"""A matrix of outcomes, such as subjects × laws, as data: two grouped axes, and their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from ....properties.laws.book import BY_ID
from ....properties.laws.law import GUARANTEES
from ...results.row import Row

#: Up to so many subjects a matrix has laws as its rows, where their names are easy to read.
_FEW = 8


@dataclass(frozen=True)
class Head:
    """The head of a row or a column: a short name, its meaning, and a link to more."""

    label: str
    title: str = ""
    href: str = ""
    #: A remark behind the cells of a row.
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Heads that belong together."""

    label: str
    heads: Sequence[Head]
    title: str = ""


@dataclass(frozen=True)
class Cell:
    """An outcome: `kind` is the class that `style.css` draws, `words` is its text."""

    kind: str
    words: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True)
class Matrix:
    """The data of the template `matrix.html`; `cells` are found by row and column."""

    name: str
    rows: Sequence[Group]
    columns: Sequence[Group]
    cells: Mapping[tuple[int, int], Cell] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        """The number of rows, groups apart."""
        return sum(len(group.heads) for group in self.rows)

    @property
    def column_count(self) -> int:
        """The number of columns."""
        return sum(len(group.heads) for group in self.columns)

    @property
    def noted(self) -> bool:
        """Whether rows have notes."""
        return any(head.note for group in self.rows for head in group.heads)

    @property
    def has_gaps(self) -> bool:
        """Whether a law is about some subjects and not about others."""
        return len(self.cells) < self.row_count * self.column_count

    @cached_property
    def troubled(self) -> set[int]:
        """The rows with a failing verdict."""
        return {row for (row, _), cell in self.cells.items() if cell.href}

    def transposed(self) -> Matrix:
        """Return the matrix with rows and columns exchanged."""
        cells = {(column, row): cell for (row, column), cell in self.cells.items()}
        return Matrix(self.name, self.columns, self.rows, cells)


def verdict_matrix(rows: Sequence[Row], places: Mapping[str, str]) -> Matrix:
    """Return subjects × laws; `places` maps row ids to the addresses of their sections."""
    subjects = {subject: n for n, subject in enumerate(dict.fromkeys(row.subject for row in rows))}
    columns, positions = law_groups({row.law: row.guarantee for row in rows})
    shown = short_names(subjects)
    matrix = Matrix(
        "Verdicts",
        [Group("", [Head(shown[name], name, f"#{place_of(name)}") for name in subjects])],
        columns,
        {
            (subjects[row.subject], positions[row.law]): Cell(
                kind_of(row),
                row.words,
                places.get(row.id, ""),
                f"{row.law}: {row.verdict}",
            )
            for row in rows
        },
    )
    return matrix.transposed() if len(subjects) <= _FEW else matrix


def kind_of(row: Row) -> str:
    """Return the classes by which `style.css` draws a verdict."""
    return row.verdict if row.words == row.verdict else f"{row.verdict} beyond"


def law_groups(guarantees: Mapping[str, str]) -> tuple[list[Group], dict[str, int]]:
    """Return laws grouped by guarantee, in the order of the book, and the column of each."""
    order = rank_of_guarantees()
    about = {str(name): words for name, words in GUARANTEES.items()}
    ranked = sorted(guarantees, key=lambda law: order.get(guarantees[law], len(order)))
    groups = [
        Group(guarantee, [_head(law) for law in laws], about.get(guarantee, ""))
        for guarantee, laws in groupby(ranked, guarantees.__getitem__)
    ]
    return groups, {law: column for column, law in enumerate(ranked)}


def rank_of_guarantees() -> dict[str, int]:
    """Return guarantees in the order of the law book."""
    return {name: place for place, name in enumerate(GUARANTEES)}


def _head(law: str) -> Head:
    statement = BY_ID[law].statement if law in BY_ID else ""
    return Head(law, statement, f"#law-{law}", statement)


def short_names(names: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """Return names without their folders and packages, where the rest tells them apart."""
    tails: dict[str, list[str]] = {}
    for name in names:
        place, colon, rest = name.partition(":")
        last = place.replace("\\", "/").rpartition("/")[2]
        if not last.endswith(".py"):
            last = last.rpartition(".")[2]
        tails.setdefault(f"{last}{colon}{rest}", []).append(name)
    return {name: tail if len(same) == 1 else name for tail, same in tails.items() for name in same}


def place_of(name: str) -> str:
    """Return the anchor of a name within a page, the same in every report."""
    from hashlib import sha256

    return f"s-{sha256(name.encode(errors='replace')).hexdigest()[:12]}"
