"""The profiles default, ci and nightly, and the folder where runs keep what later ones can use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from ..engine.databases.shared import URL, SharedDatabase

#: The project's own folder for compiled programs and failing examples.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "frostproof"


@dataclass(frozen=True)
class Profile:
    """`seed=None` draws new problems each time; `database` names where failures are kept."""

    name: str
    max_examples: int
    #: For the reference trainers and wrappers, which are many, each under all laws there are.
    reference_examples: int
    seed: int | None
    database: str | None


#: Not Hypothesis profiles: those belong to the test suite of whoever runs this one.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile("default", 100, reference_examples=25, seed=None, database="examples"),
        Profile("ci", 100, reference_examples=6, seed=0, database=None),
        Profile("nightly", 2000, reference_examples=2000, seed=None, database="nightly"),
    )
}


def current_profile() -> Profile:
    """Return the profile that FROSTPROOF_PROFILE names; `ci` where CI is set, else `default`."""
    fallback = "ci" if os.environ.get("CI") else "default"
    name = os.environ.get("FROSTPROOF_PROFILE", fallback)
    if name not in PROFILES:
        raise ValueError(f"FROSTPROOF_PROFILE must be one of {', '.join(PROFILES)}, got {name!r}")
    return PROFILES[name]


@cache
def open_database(name: str | None) -> ExampleDatabase | None:
    """Open a named example database: shared by many machines, or in the project's folder."""
    if name is None:
        return None
    url = os.environ.get(URL)
    return SharedDatabase(url, name) if url else DirectoryBasedExampleDatabase(CACHE / name)
