"""Folders with the packages that recipes need: made when first used, kept until the pins change."""

import hashlib
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

from ...reference.corpus.libraries.environments import Environment


class EnvironmentNotMade(RuntimeError):
    """It cannot be made; the message says why, or which packages and what pip said last."""


def cache() -> Path:
    """Return the folder in which environments and reports are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "frostproof" / "libraries"


def interpreter(environment: Environment) -> Path:
    """Return the Python of an environment, and make it first where it is not there.

    Raises:
        EnvironmentNotMade: its folder cannot be made, or its packages cannot be installed.
    """
    folder = cache() / "environments" / f"{environment.name}-{_digest(environment)}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        if environment.shares:
            _share_packages(folder)
    except OSError as error:
        raise EnvironmentNotMade(f"cannot make {folder}: {error.strerror}") from None
    except subprocess.CalledProcessError:
        raise EnvironmentNotMade(f"cannot make {folder}: pip cannot be installed there") from None
    command = [str(python), "-m", "pip", "install", "--quiet", *environment.packages]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        shutil.rmtree(folder)
        said = run.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise EnvironmentNotMade(
            f"cannot install {' '.join(environment.packages)}: pip said {said[0]}"
        )
    complete.touch()
    return python


def _share_packages(folder: Path) -> None:
    """Let an environment see what is installed here, behind what it has itself.

    A `.pth` file that calls `addsitedir` also follows the `.pth` files there: an editable install
    of frostproof is one.
    """
    (packages,) = folder.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (packages / "shared.pth").write_text("".join(lines), encoding="utf-8")


def _digest(environment: Environment) -> str:
    parts = (*environment.packages, sys.version)
    if environment.shares:
        parts = (*parts, *site.getsitepackages())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
