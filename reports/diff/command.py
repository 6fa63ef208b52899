"""Runs `frostproof diff`: opens both checkpoints, judges them, and tells what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ...properties.checkpoints.judging import Judged, Plan, judge
from ...properties.checkpoints.pairing import renamed, transposed
from ...properties.checkpoints.patterns import select
from ...properties.checkpoints.roles import Role
from ...properties.checkpoints.verdicts import LAWS, verdicts
from ...properties.laws.book import BY_ID
from ...properties.plan.checks import Check, NamedSubject, closed, require_guarantees
from ...properties.plan.profiles import current_profile
from ...reference.checkpoints.formats import open_checkpoint
from ...reference.checkpoints.stored_leaf import Checkpoint
from ..results.journal import Journal
from ..results.report import Report
from ..results.report_file import make_folder, replace_file
from ..results.row import Row
from ..run.recorder import Recorder
from .entries import entry_of
from .page import tree_page
from .text import print_judged, print_listed

#: A line per leaf, as soon as it is compared; the last line on a leaf stands.
LEAVES = "leaves.jsonl"


def diff(options: argparse.Namespace) -> int:
    """Judge two checkpoints, and return the exit status.

    Raises `UnusableCheckpoint`, `UnmatchedPattern`, `UnknownGuarantee`, `UnusableTarget` and other
    `ValueError`s that name the option.
    """
    promise = _promise(options.promise)
    skeleton = _skeleton(options.skeleton) if options.skeleton else None
    with ExitStack() as opened:
        before = opened.enter_context(open_checkpoint(options.before, skeleton))
        after = opened.enter_context(open_checkpoint(options.after, skeleton))
        leaves = transposed(renamed(before.leaves, options.maps), options.transposes)
        plan = Plan.of(leaves, after.leaves, options.frozen, options.ignore)
        if not plan.pairs:
            raise ValueError("--ignore leaves nothing to compare")
        trainable = [
            pair.path
            for pair, role in zip(plan.pairs, plan.roles, strict=True)
            if role is Role.TRAINABLE
        ]
        still = select("still", options.still, trainable)
        if options.report is not None:
            make_folder(options.report)
        with _journal(options.report) as note:
            if options.frozen:
                return _judge(options, (before, after), plan, still, promise, note)
            judged = judge(plan, note)
            _tell(options, None, judged)
            if not options.json:
                print_listed(before, after, judged)
            return 0


def _judge(
    options: argparse.Namespace,
    pair: tuple[Checkpoint, Checkpoint],
    plan: Plan,
    still: Collection[Any],
    promise: set[str],
    note: Any,
) -> int:
    subject = NamedSubject(f"{options.before} → {options.after}", "checkpoints")
    items = {law.id: Check(subject, BY_ID[law.id], law.guarantee in promise) for law in LAWS}
    recorder = _recorder(options.report)
    recorder.expects(map(Row.unreached, items.values()))
    problem = {
        "before": str(options.before),
        "after": str(options.after),
        "frozen": ", ".join(options.frozen),
    }
    try:
        judged = judge(plan, note)
        for law, verdict in verdicts(judged, still, problem):
            recorder.records(Row.of(items[law.id], verdict))
    finally:
        report = recorder.close()
    _tell(options, report, judged)
    if not options.json:
        print_judged(*pair, judged, still, report)
    if report.unwritten is not None:
        print(f"frostproof: --report {report.unwritten}", file=sys.stderr)
    elif options.report is not None and not options.json:
        print(f"report: {options.report / 'report.html'}")
    return report.exit_status


def _skeleton(target: str) -> Any:
    # Imported where it is needed: it brings JAX, which takes a second and 100 MB.
    from ...reference.subjects.loading import load_object

    return load_object(target)[1]


def _promise(text: str) -> set[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    require_guarantees(names)
    return closed(names)


def _recorder(folder: Path | None) -> Recorder:
    try:
        return Recorder(current_profile().name, 0, folder)
    except OSError as error:
        raise ValueError(f"--report {folder}: {error.strerror}") from None


@contextmanager
def _journal(folder: Path | None) -> Iterator[Any]:
    """Give a function that takes each leaf as it is compared; it is on disk when that returns."""
    if folder is None:
        yield lambda judged: None
        return
    try:
        journal = Journal(folder / LEAVES)
    except OSError as error:
        raise ValueError(f"--report {folder}: {error.strerror}") from None
    try:
        yield lambda judged: journal.append(entry_of(judged))
    finally:
        journal.close()


def _tell(options: argparse.Namespace, report: Report | None, judged: list[Judged]) -> None:
    """Write the page, and print the JSON, where they are asked for."""
    if options.report is not None:
        page = tree_page(str(options.before), str(options.after), judged, report)
        replace_file(options.report / "report.html", page)
    if options.json:
        content = json.loads(report.to_json()) if report is not None else {"schema": 1}
        print(json.dumps(content | {"leaves": [entry_of(each) for each in judged]}, indent=1))
