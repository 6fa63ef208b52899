"""Judges the items of an agenda: objects in this process, targets given by name in a worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from .agenda import Item, Subject
from .engine import Effort, judge
from .isolation import Worker
from .memory import Memory
from .profiles import PROFILES, Profile, current_profile, open_database
from .verdict import Verdict

#: Seconds that a law may take.
TIMEOUT = 300.0


@dataclass(frozen=True)
class Terms:
    """The terms of one run, the same for all of its items and in all of its processes."""

    profile: str
    max_examples: int
    seed: int
    timeout: float
    rotation: int
    database: str | None

    @classmethod
    def of(
        cls,
        *,
        max_examples: int | None = None,
        seed: int | None = None,
        timeout: float = TIMEOUT,
        profile: Profile | None = None,
    ) -> Terms:
        """Fill in what the profile says, and draw the seed where nothing fixes it.

        Raises `ValueError` for a number of examples or seconds that allows no verdict.
        """
        profile = profile or current_profile()
        examples = profile.max_examples if max_examples is None else max_examples
        if examples < 1:
            raise ValueError(f"`max_examples` must be at least 1, got {examples}")
        if not timeout > 0:
            raise ValueError(f"`timeout` must be positive, got {timeout:g}")
        fixed = profile.seed if seed is None else seed
        drawn = secrets.randbits(32) if fixed is None else fixed
        # A night that draws its own seed also turns the pool of shapes by it.
        rotation = drawn if profile.name == "nightly" else 0
        return cls(profile.name, examples, drawn, timeout, rotation, profile.database)

    def drawn_from(self, seed: int) -> Terms:
        """Return the same terms with a seed that all processes of a run know, if none is fixed."""
        profile = PROFILES[self.profile]
        if profile.seed is not None:
            return self
        return replace(self, seed=seed, rotation=seed if self.rotation else 0)

    @property
    def effort(self) -> dict[str, Any]:
        """What the engine needs of them."""
        return {
            "max_examples": self.max_examples,
            "seed": self.seed,
            "seconds": self.timeout,
            "rotation": self.rotation,
        }


@dataclass
class Judging:
    """Judges items on the same terms; a context manager, since it may hold a worker process."""

    terms: Terms
    _memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self._worker = Worker(self.terms.timeout)

    def subject(self, name: str, kind: str | None = None) -> Subject:
        """Load a target given by name; raises `UnusableTarget`."""
        return Subject(name, self._worker.kind_of(name, kind), requested_kind=kind)

    def __call__(
        self, item: Item, progress: Callable[[int], None] = lambda examples: None
    ) -> Verdict:
        """Return the verdict of one law on one subject."""
        subject = item.subject
        if subject.value is None:
            return self._worker.judge(
                subject.name,
                subject.requested_kind,
                item.law.id,
                database=self.terms.database,
                progress=progress,
                **self.terms.effort,
            )
        effort = Effort(
            **self.terms.effort,
            database=open_database(self.terms.database),
            progress=progress,
        )
        return judge(item.law, subject.value, effort, self._memory, subject.name)

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
