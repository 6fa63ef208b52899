"""`frostproof.verify`: judges subjects by the law book, without pytest."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...properties.plan.checks import Check, NamedSubject, plan_checks
from ...properties.plan.compiled_programs import compiled_programs_kept
from ...properties.plan.grouping import groups
from ...properties.plan.run_settings import TIMEOUT, RunSettings
from ...properties.processes.device import device_in_use, on_device, require_device
from ...properties.processes.judging import Judging
from ...reference.pytrees.articles import a_type_of
from ...reference.subjects.targets import DEFAULT_PROMISE, REFERENCES, UnusableTarget
from ..results.guarantees import Asked
from ..results.report import ELSEWHERE, Report
from ..results.report_file import make_folder
from ..results.row import Row
from .arguments import naming_arguments
from .division import Division
from .listener import Listener
from .parallel import InOrder, fitting_processes, judge_in_parallel
from .recorder import Recorder


@naming_arguments("frostproof.verify")
def verify(
    *subjects: Any,
    kind: str | None = None,
    laws: Collection[str] = ("*",),
    max_examples: int | None = None,
    seed: int | None = None,
    promise: Collection[str] = (),
    timeout: float = TIMEOUT,
    report: str | Path | None = None,
    listener: Listener | None = None,
    workers: int | str | None = None,
    shard: str | None = None,
    balance: str | Path | None = None,
    device: str | None = None,
    allow_not_shown: bool = False,
    proofs: bool = True,
) -> Report:
    """Judge subjects by the law book.

    Args:
        subjects: an `Exercise`, `OptaxFreeze`, `LinenTrainer` or `NnxTrainer`, a function of a
            known signature, or a string that names one (`pkg.mod:name`, `path/file.py:name`). A
            subject given by name runs in its own process, where a crash or a hang costs one
            verdict; an object is protected from exceptions only. Without a subject, the references
            are judged.
        kind: what functions are taken for: "linen", "nnx", "optax" or "trainer".
        laws: globs on law ids.
        max_examples: examples per law; by default the profile's number.
        seed: the seed that all problems are drawn from; by default the profile's, or a new one.
            Examples that failed in earlier runs are tried first all the same, but for the profile
            `ci`, which keeps none.
        promise: guarantees to hold the subjects to, in place of those that they claim.
        timeout: seconds per law, for subjects given by name.
        report: a folder for the report, which is made if it does not exist.
        listener: receives the events of the run.
        workers: the number of processes, or "auto" for one per processor where memory allows, that
            judge subjects given by name side by side; one by default. Verdicts come in the order in
            which they are reached, subject by subject.
        shard: the part of the laws to judge, such as "2/4"; other runs judge the rest.
        balance: an earlier report, by which all shards take about as long.
        device: "cpu", "gpu" or "tpu", which the report names; by default JAX chooses.
        allow_not_shown: do not fail where a guarantee that was asked for by name, in `promise` or
            by the subject, is not shown because decisive laws could not run.
        proofs: prove laws for all inputs where that is possible; else every law is sampled.

    Returns:
        The report; its `exit_status` is that of `frostproof verify`.

    Raises:
        ValueError: before anything runs: `UnusableTarget`, `UnusableSubject`, `UnknownLaw`,
            `UnknownGuarantee`, or one that names the argument.
        TypeError: for an unknown keyword.
    """
    told = listener or Listener()
    if workers is not None:
        _require_divisible(workers, subjects)
    settings = RunSettings.of(max_examples=max_examples, seed=seed, timeout=timeout, proofs=proofs)
    division = Division.read(shard, balance)
    folder = None if report is None else Path(report)
    if folder is not None:
        make_folder(folder)
    with (
        on_device(device),
        Judging(settings) as judge,
    ):  # until the end: all workers come to its fork server
        found_on = {} if device is None else {"device": _device(device, judge, subjects)}
        known, unusable = _known(judge, subjects or REFERENCES, kind, told)
        items, left_out = plan_checks(known, laws, promise)
        items, elsewhere = division.split(items)
        recorder = begin(settings, folder, division, found_on)
        recorder.cannot_judge(Counter(map(str, unusable)))
        recorder.leaves_out("left out by --laws", len(left_out))
        recorder.is_asked({each.name: _asked(each, promise, left_out) for each in known})
        recorder.leaves_out(ELSEWHERE, len(elsewhere))
        recorder.expects(map(Row.unreached, items))
        rows = InOrder(items, told.on_row)
        try:
            told.on_start(recorder.report)
            processes = _processes(workers, judge, items)
            if processes > 1:
                judged = judge_in_parallel(judge, items, processes, told.on_progress)
            else:
                judged = ((item, judge(item, partial(told.on_progress, item))) for item in items)
            with closing(judged):
                for item, verdict in judged:
                    row = Row.of(item, verdict)
                    recorder.records(row)
                    rows.receive(row)
        finally:  # also where the user interrupts it
            found = recorder.close()
    found.allow_not_shown = allow_not_shown
    if found.unwritten is not None and listener is None:
        warnings.warn(f"`report` {found.unwritten}", stacklevel=3)
    return found


def _require_divisible(workers: int | str, subjects: Sequence[Any]) -> None:
    """Raise a `ValueError` unless these subjects can be judged by so many processes."""
    if workers != "auto" and not (str(workers).isdigit() and int(workers) > 0):
        raise ValueError(f"-n must be a number of processes or auto, got {workers!r}")
    for subject in subjects:
        if not isinstance(subject, str):
            raise ValueError(
                "`workers` needs subjects given by name, such as `pkg.mod:name`, got "
                f"{a_type_of(subject)}, which other processes do not have"
            )


def _processes(workers: int | str | None, judge: Judging, items: Sequence[Check]) -> int:
    """Return how many processes are to judge; `auto` is one where they would share a GPU."""
    if workers != "auto":
        return int(workers or 1)
    found = fitting_processes()
    many = found > 1 and len(groups(items, found)) > 1
    return found if many and judge.device().startswith("cpu") else 1


def _asked(subject: NamedSubject, promise: Collection[str], left_out: Sequence[Check]) -> Asked:
    """Return what a run is asked about a subject: guarantees by name, and laws that are left out.

    What everybody promises by default nobody has asked for, nor what an exercise is held to.
    """
    own = () if subject.kind in ("linen", "nnx") else set(subject.promise) - set(DEFAULT_PROMISE)
    omitted = [item.law.id for item in left_out if item.subject.name == subject.name]
    return Asked(tuple(sorted(promise or own)), tuple(omitted))


def _device(device: str, judge: Judging, subjects: Sequence[Any]) -> str:
    """Return the device that subjects run on, in words; raises `NoSuchDevice` for another one."""
    here = any(not isinstance(subject, str | NamedSubject) for subject in subjects)
    found = device_in_use() if here else judge.device()
    require_device(device, found)
    return found


def begin(
    settings: RunSettings,
    folder: Path | None,
    division: Division,
    found_on: Mapping[str, str] = MappingProxyType({}),
) -> Recorder:
    """Begin the record of a run; raises a `ValueError` where its report cannot be written."""
    try:
        return Recorder(settings.profile, settings.seed, folder, division.name, found_on)
    except OSError as error:
        raise ValueError(f"--report {folder}: {error.strerror}") from None


def _known(
    judge: Judging, subjects: Sequence[Any], kind: str | None, told: Listener
) -> tuple[list[NamedSubject], list[UnusableTarget]]:
    """Return the subjects that can be judged, and why others of them cannot.

    Raises the first reason where nothing is left to judge, or where the listener does.
    """
    known: list[NamedSubject] = []
    unusable: list[UnusableTarget] = []
    for number, subject in enumerate(subjects, 1):
        told.on_loading(number, len(subjects))
        try:
            known.append(known_subject(judge, subject, kind))
        except UnusableTarget as reason:
            unusable.append(reason)
    for each in unusable:
        if not known and each is unusable[-1]:
            raise each
        told.on_unusable(each)
    return known, unusable


def known_subject(judge: Judging, subject: Any, kind: str | None) -> NamedSubject:
    """Return an object or a target of the user as a subject of a known kind."""
    if isinstance(subject, NamedSubject):
        return subject
    if isinstance(subject, str):
        return judge.subject(subject, kind)
    return object_subject(subject, kind)


def object_subject(value: Any, kind: str | None = None) -> NamedSubject:
    """Return an object of this process as a subject, named by the module that holds it."""
    from ...reference.subjects.loading import as_subject
    from ...reference.subjects.naming import target_of
    from ...reference.subjects.targets import canonical
    from ...reference.trials.probe import capabilities_of

    found = as_subject(value, kind)
    with compiled_programs_kept():
        capabilities = capabilities_of(found)
    return NamedSubject(
        canonical(target_of(value if callable(value) else found)),
        found.kind,
        found,
        capabilities=capabilities,
        promise=tuple(found.promise),
    )
