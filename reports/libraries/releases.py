"""Releases of a package, as its registry has them: asked through pip."""

import re
import subprocess
import sys
from functools import cache

from .environments import EnvironmentNotMade


@cache
def releases(package: str) -> tuple[str, ...]:
    """Return the releases of a package that this Python can install, the oldest first.

    Raises:
        EnvironmentNotMade: pip finds none.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", package]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search("^Available versions: (.*)$", run.stdout, re.MULTILINE)
    if found is None:
        said = (run.stderr.strip() or run.stdout.strip() or "nothing").splitlines()[-1]
        raise EnvironmentNotMade(f"no release of {package} is found: pip said {said}")
    return tuple(reversed(found[1].split(", ")))


def newest(package: str) -> str:
    """Return the newest release of a package that this Python can install."""
    return releases(package)[-1]
