"""Judges the items of an agenda: objects in this process, targets given by name in a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from ...reference.subjects.capability import Capability
from ...reference.subjects.targets import canonical
from ..engine.call_cache import CallCache
from ..engine.judge import judge
from ..engine.verdict import Counterexample, Verdict
from ..plan.checks import Check, NamedSubject
from ..plan.compiled_programs import compiled_programs_kept
from ..plan.run_settings import RunSettings
from .gc_tuning import searching_seldom
from .worker_client import Worker, WorkerDied


@dataclass
class Judging:
    """Judges items on the same settings; a context manager, since it may hold a worker process."""

    settings: RunSettings
    #: By subjects whose process died of their first example: the law that says so. Those that judge
    #: side by side share it.
    dead: dict[str, str] = field(default_factory=dict)
    _memory: CallCache = field(default_factory=CallCache)

    def __post_init__(self) -> None:
        self._worker = Worker(self.settings.timeout)

    def subject(self, name: str, kind: str | None = None) -> NamedSubject:
        """Load a target given by name; raises `UnusableTarget`."""
        name = canonical(name)
        loaded = self._worker.load(name, kind)
        return NamedSubject(
            name,
            loaded["kind"],
            requested_kind=kind,
            capabilities=frozenset(map(Capability, loaded["capabilities"])),
            promise=tuple(loaded["promise"]),
        )

    def __call__(
        self, item: Check, progress: Callable[[int], None] = lambda examples: None
    ) -> Verdict:
        """Return the verdict of one law on one subject."""
        subject = item.subject
        if item.unable is not None:
            return Verdict("not-run", 0, reason=item.unable)
        if subject.value is None:
            return self._judged_elsewhere(item, progress)
        effort = self.settings.effort(subject.name, progress, reported=item.reported)
        with compiled_programs_kept(), searching_seldom():
            return judge(item.law, subject.value, effort, self._memory, subject.name)

    def _judged_elsewhere(self, item: Check, progress: Callable[[int], None]) -> Verdict:
        name, law = item.subject.name, item.law
        if name in self.dead:
            return Verdict("not-run", 0, reason=f"see {self.dead[name]}")
        kind = item.subject.requested_kind
        try:
            return self._worker.judge(
                name, kind, law.id, self.settings, progress, reported=item.reported
            )
        except WorkerDied as death:
            if death.failed is not None:
                outcome, message, problems = death.failed
                return Verdict(
                    outcome,
                    death.examples,
                    reason=f"{message} (made no smaller: {death})",
                    counterexample=Counterexample(law.statement, message, problems),
                    seconds=death.seconds,
                )
            if law.judges_malformed and death.examples == 0:
                # The other laws would only wait for the same end, each for the whole time.
                self.dead[name] = law.id
            found = Counterexample(law.statement, str(death), death.problems, {})
            return Verdict(
                "error",
                death.examples,
                reason=str(death),
                counterexample=found if death.problems else None,
                reproduce=self._worker.script(name, kind, law.id, death),
                seconds=death.seconds,
            )

    def device(self) -> str:
        """Return which device subjects given by name run on, in words."""
        return self._worker.device()

    def rest(self) -> None:
        """Leave it to other processes to judge what was loaded."""
        self._worker.rest()

    def kill(self) -> None:
        """Kill the process that judges just now, from another thread."""
        self._worker.kill()

    def close(self) -> None:
        """End the worker process, if one was started."""
        self._worker.close()

    def __enter__(self) -> Judging:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
