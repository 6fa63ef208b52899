"""The state of a pytest run: its subjects, its settings, and the rows that come in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ...properties.plan.checks import Check, NamedSubject, names_of_reported, plan_checks
from ...properties.plan.run_settings import RunSettings
from ...properties.processes.judging import Judging
from ..formats.wording import said_of_unusable
from ..results.guarantees import Asked
from ..results.report import ELSEWHERE
from ..results.report_file import make_folder
from ..results.row import Row
from ..run.division import Division
from ..run.project_settings import project_settings
from ..run.recorder import Recorder
from ..run.scripts import update_script
from ..run.verify import begin, known_subject
from .laws import BoundLaw, require_one_subject, require_reasons, unusable


class Session:
    """One for each process of the run; only the controller's sees all rows."""

    def __init__(
        self,
        seed: int,
        settings: str | None,
        project: Path,
        division: Division,
        scripts: Path | None,
    ):
        self.options = json.loads(settings) if settings else project_settings(project)
        chosen = {
            name: self.options.get(name) for name in ("max_examples", "timeout", "seed", "proofs")
        }
        fixed = RunSettings.of(
            **{name: value for name, value in chosen.items() if value is not None}
        )
        self.settings = fixed.drawn_from(seed) if chosen["seed"] is None else fixed
        self.subjects: list[NamedSubject] = []
        #: Why others that were named, or handed over, cannot be judged.
        self._unusable: list[str] = []
        self._division = division
        #: The laws that apply to each subject, chosen or not.
        self._applicable: dict[str, set[str]] = {}
        #: Laws that other shards judge.
        self._elsewhere: dict[str, Check] = {}
        #: The subjects that a test, or another shard, reports where they give no answer.
        self._reported: set[str] = set()
        #: How many laws were collected and are not run.
        self.deselected = 0
        self._collected: Counter[str] = Counter()
        self._plan: dict[str, Any] = {}
        self._recorder: Recorder | None = None
        self._folder: Path | None = None
        self._judging = Judging(self.settings)
        #: Where scripts go; None where the user does not have the files of this process.
        self._scripts = scripts
        self._here = Path.cwd()  # a test may go elsewhere

    def prepare(self, targets: Iterable[str], kind: str | None, folder: str | None) -> None:
        """Load the targets and make the report's folder, before anything runs.

        Raises a `ValueError` that names the folder, or that says why no target can be judged.
        """
        if folder is not None:
            make_folder(Path(folder))
            self._folder = Path(folder).absolute()  # a test may go elsewhere
        self.take(dict.fromkeys(targets), kind)

    def named(self) -> dict[str, list[Any]]:
        """Return what a worker has to know of the targets that were loaded, or could not be."""
        self._judging.rest()
        return {
            "subjects": [subject.to_wire() for subject in self.subjects],
            "unusable": self._unusable,
        }

    def adopt(self, named: Mapping[str, list[Any]]) -> None:
        """Take over what the controller loaded."""
        self.subjects = [NamedSubject.from_wire(fields) for fields in named["subjects"]]
        self._unusable = named["unusable"]

    def take(self, values: Iterable[Any], kind: str | None = None) -> None:
        """Judge targets, or what conftests hand over; one that cannot be judged is an error of its
        own, beside the laws on the others.

        Raises a `ValueError` with every reason if none can be judged.
        """
        self.subjects, self._unusable = [], []
        for value in values:
            try:
                self.subjects.append(self._known(value, kind))
            except ValueError as reason:
                self._unusable.append(str(reason))
        if self._unusable and not self.subjects:
            raise ValueError("\n".join(self._unusable))

    def laws_of_subjects(self) -> list[Any]:
        """Return a parameter for every law on every subject of the run, and one for each subject
        that cannot be judged.
        """
        laws = [
            self._parameter(item, f"{item.subject.name}-{item.law.id}")
            for item in self._items(self.subjects)
        ]
        return [*laws, *map(unusable, self._unusable)]

    def laws_of_marks(self, marks: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return a parameter for every law on the subjects of `@frostproof.laws`, and one for each
        subject that cannot be judged.
        """
        parameters = []
        for mark in reversed(marks):  # the lowest decorator is the first mark
            try:
                parameters += self._laws_of_mark(mark, named=len(marks) > 1)
            except ValueError as error:
                parameters.append(unusable(str(error)))
        return parameters

    def _laws_of_mark(self, mark: Mapping[str, Any], *, named: bool) -> list[Any]:
        require_one_subject(mark)
        RunSettings.of(max_examples=mark["max_examples"])
        require_reasons(mark["expected"])
        subject = self._known(mark["subject"], mark["kind"])
        prefix = f"{subject.name}-" if named else ""
        return [
            self._parameter(
                item,
                f"{prefix}{item.law.id}",
                mark["max_examples"],
                mark["expected"].get(item.law.id),
            )
            for item in self._items([subject], mark["promise"], mark["expected"])
        ]

    def _items(
        self,
        subjects: Iterable[NamedSubject],
        promise: Collection[str] = (),
        expected: Collection[str] = (),
    ) -> list[Check]:
        laws = self.options.get("laws", ["*"])
        items, left_out = plan_checks(subjects, laws, promise or self.options.get("promise", ()))
        for item in (*items, *left_out):
            self._applicable.setdefault(item.subject.name, set()).add(item.law.id)
        for law in sorted(set(expected) - {item.law.id for item in (*items, *left_out)}):
            names = ", ".join(subject.name for subject in subjects)
            raise ValueError(f"`expected` names {law!r}, which does not apply to {names}")
        items, elsewhere = self._division.split(items)
        self._elsewhere |= {item.id: item for item in elsewhere}
        return items

    def plans(self, items: Sequence[Check], unusable: Sequence[str] = ()) -> None:
        """Know what is going to be judged, after `-k`, node ids and other plugins chose, and why
        tests are errors, as no law can be.
        """
        self._reported = names_of_reported((*items, *self._elsewhere.values()))
        self._plan = {
            "expected": [vars(Row.unreached(item)) for item in items],
            "deselected": self.deselected,
            "elsewhere": len(self._elsewhere),
            "omitted": self._omitted(items),
            "unusable": Counter(unusable),
        }

    def _omitted(self, items: Sequence[Check]) -> dict[str, list[str]]:
        """Return by subject the laws that apply to it, and that neither this run nor another shard
        judges: `-k`, a node id or the settings chose others.
        """
        subjects = {item.subject_name: item.subject.name for item in items}
        judged = {item.id for item in items}
        found = {
            name: sorted(
                law
                for law in self._applicable[subject]
                if f"{name}::{law}" not in judged and f"{subject}::{law}" not in self._elsewhere
            )
            for name, subject in subjects.items()
        }
        return {name: laws for name, laws in found.items() if laws}

    def new_plan(self) -> dict[str, Any]:
        """Return what this process is going to judge, once."""
        plan, self._plan = self._plan, {}
        return plan

    def begin(self) -> None:
        """Begin the record of the run; raises a `ValueError` if its report cannot be written."""
        self._recorder = begin(self.settings, self._folder, self._division)

    def arrives(self, *, plan: Mapping[str, Any] | None = None, row: Row | None = None) -> None:
        """Keep what a process of the run is going to judge, or what it found."""
        if self._recorder is None:
            self.begin()
            assert self._recorder is not None
        if plan:
            self._recorder.leaves_out("deselected", plan["deselected"])
            self._recorder.leaves_out(ELSEWHERE, plan["elsewhere"])
            self._recorder.cannot_judge(plan["unusable"])
            omitted = plan["omitted"].items()
            self._recorder.is_asked({name: Asked(omitted=tuple(laws)) for name, laws in omitted})
            self._recorder.expects(Row(**fields) for fields in plan["expected"])
        if row:
            self._recorder.records(row)

    def close(self) -> bool:
        """End the record, and write the report if one was asked for; tells whether it could be."""
        self.arrives()
        assert self._recorder is not None
        self._report = self._recorder.close()
        return self._report.unwritten is None

    def closing_lines(self) -> Iterator[str]:
        """Say how many laws ran, and on which problems."""
        summary = self._report.summary
        unjudged = said_of_unusable(self._report)
        if self._report.rows:
            yield (
                f"frostproof: ran {summary['ran']} of {summary['of']} laws, profile "
                f"{self.settings.profile}, seed {self.settings.seed}"
                f"{f'; {unjudged}' if unjudged else ''}"
            )
        if self._report.unwritten:
            yield f"frostproof: --report {self._report.unwritten}"
        elif self._folder is not None:
            yield f"frostproof: report in {self._folder / 'report.html'}"

    def end(self) -> None:
        """End the worker process, if there is one."""
        self._judging.close()

    def _known(self, value: Any, kind: str | None = None) -> NamedSubject:
        return known_subject(self._judging, value, kind)

    def _parameter(
        self, item: Check, id: str, max_examples: int | None = None, expected: str | None = None
    ) -> Any:
        self._collected[item.id] += 1
        item = replace(item, number=self._collected[item.id])
        examples = self.settings.max_examples if max_examples is None else max_examples
        settings = replace(self.settings, max_examples=examples)
        if max_examples is not None:
            settings = replace(settings, reference_examples=max_examples)

        def judge(item: Check) -> Row:
            self._judging.settings = settings
            item = replace(item, reported=item.subject.name in self._reported)
            return Row.of(item, self._judging(item))

        return pytest.param(BoundLaw(item, judge, self._script_of, expected), id=id)

    def _script_of(self, row: Row) -> Path | None:
        """Write the script of a failure and return the file as the user can open it."""
        if self._scripts is None:
            return None
        path = update_script(row, self._scripts)
        if path is None or not path.is_relative_to(self._here):
            return path
        return path.relative_to(self._here)
