"""The settings of a run: how many examples, from which seed and shapes, in how many seconds."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ...reference.subjects.targets import TRAINERS, WRAPPERS, canonical
from ...strategies.values import pool
from ..engine.databases.shared import require_server
from ..engine.effort import Effort
from ..laws.law import Refutation
from .profiles import PROFILES, Profile, current_profile, open_database

#: Seconds that a law may take.
TIMEOUT = 300.0


@dataclass(frozen=True)
class RunSettings:
    """The settings of one run, the same for all of its items and in all of its processes."""

    profile: str
    max_examples: int
    reference_examples: int
    seed: int
    timeout: float
    rotation: int
    database: str | None
    #: Whether the prover is asked before a law is sampled.
    proofs: bool = True

    @classmethod
    def of(
        cls,
        *,
        max_examples: int | None = None,
        seed: int | None = None,
        timeout: float = TIMEOUT,
        profile: Profile | None = None,
        proofs: bool = True,
    ) -> RunSettings:
        """Fill in what the profile says, and draw the seed where nothing fixes it.

        Raises `ValueError` for a number of examples or seconds that allows no verdict.
        """
        profile = profile or current_profile()
        if profile.database is not None:
            require_server()
        examples = profile.max_examples if max_examples is None else max_examples
        if examples < 1:
            raise ValueError(f"`max_examples` must be at least 1, got {examples}")
        if not timeout > 0:
            raise ValueError(f"`timeout` must be positive, got {timeout:g}")
        for_references = profile.reference_examples if max_examples is None else examples
        fixed = profile.seed if seed is None else seed
        drawn = secrets.randbits(32) if fixed is None else fixed
        # A night that draws its own seed also turns the pool of shapes by it.
        rotation = drawn if profile.name == "nightly" else 0
        return cls(
            profile.name,
            examples,
            for_references,
            drawn,
            timeout,
            rotation,
            profile.database,
            proofs,
        )

    def drawn_from(self, seed: int) -> RunSettings:
        """Return these settings with a seed that all processes of a run know, if none is fixed."""
        profile = PROFILES[self.profile]
        if profile.seed is not None:
            return self
        return replace(self, seed=seed, rotation=seed if self.rotation else 0)

    def effort(
        self,
        target: str,
        progress: Callable[[int], None],
        begins: Callable[[tuple[Any, ...]], None] = lambda problems: None,
        fails: Callable[[Refutation, tuple[Any, ...]], None] = lambda found, problems: None,
        *,
        reported: bool = True,
    ) -> Effort:
        """Return the same as the engine takes it, for the subject of this name."""
        many = canonical(target) in (*TRAINERS, *WRAPPERS)
        return Effort(
            self.reference_examples if many else self.max_examples,
            self.seed,
            self.timeout,
            shapes=pool(self.rotation),
            database=open_database(self.database),
            begins=begins,
            fails=fails,
            progress=progress,
            proofs=self.proofs,
            reported=reported,
        )
