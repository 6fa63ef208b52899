"""What a pytest run knows of frostproof: its subjects, the terms they are judged on, the rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..properties.agenda import Item, Subject, agenda
from ..properties.judging import Judging
from ..properties.terms import Terms
from .pytest_laws import tell
from .report import Report, Row
from .verification import make_folder, object_subject


class Session:
    """One for each process of the run; only the controller's sees all rows."""

    def __init__(self, seed: int, terms: str | None):
        self.options = json.loads(terms) if terms else {}
        chosen = {name: self.options.get(name) for name in ("max_examples", "timeout", "seed")}
        fixed = Terms.of(**{name: value for name, value in chosen.items() if value is not None})
        self.terms = fixed.drawn_from(seed) if chosen["seed"] is None else fixed
        self.subjects: list[Subject] = []
        self.adopt(self.options.get("subjects", []))
        self.report = Report(self.terms.profile, self.terms.seed)
        self._judging = Judging(self.terms)

    def load(self, targets: Sequence[str], kind: str | None) -> None:
        """Load the targets, all before anything runs; raises `UnusableTarget`."""
        self.subjects = [self._judging.subject(target, kind) for target in targets]

    def kinds(self) -> list[list[str | None]]:
        """Return what a worker has to know of the loaded targets."""
        return [[s.name, s.kind, s.requested_kind] for s in self.subjects]

    def adopt(self, kinds: Iterable[Sequence[Any]]) -> None:
        """Take over what the controller loaded."""
        self.subjects = [Subject(name, kind, requested_kind=asked) for name, kind, asked in kinds]

    def add_objects(self, values: Iterable[Any]) -> None:
        """Add subjects that a conftest hands over."""
        self.subjects += [object_subject(value) for value in values]

    def items(self) -> list[Item]:
        """Return an item for every law that applies to a subject."""
        laws, promise = self.options.get("laws", ["*"]), self.options.get("promise", [])
        return agenda(self.subjects, laws, promise)[0]

    def judge(self, item: Item) -> None:
        """Judge an item, and pass, skip or fail the test that runs by its verdict."""
        tell(item, self._judging(item))

    def add_row(self, fields: dict[str, Any]) -> None:
        """Keep the row of a finished item."""
        self.report.rows.append(Row(**fields))

    def write(self, folder: str | None) -> None:
        """Write the report into the folder that was asked for."""
        if folder is not None:
            make_folder(Path(folder))
            self.report.write(Path(folder))

    def closing_line(self) -> str:
        """Say how many laws ran, and on which problems."""
        summary = self.report.summary
        return (
            f"frostproof: ran {summary['ran']} of {summary['of']} laws, profile "
            f"{self.terms.profile}, seed {self.terms.seed}"
        )

    def close(self) -> None:
        """End the worker process, if there is one."""
        self._judging.close()
