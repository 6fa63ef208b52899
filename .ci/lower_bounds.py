"""Prints the lower bounds of pyproject.toml as constraints for pip.

All of them on the oldest supported Python; on a newer one those of JAX, Flax and Optax, since other
packages that old have no wheels there.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
oldest = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
for dependency in project["dependencies"]:
    name, _, bound = dependency.partition(">=")
    if sys.version_info[:2] == oldest or name in ("jax", "flax", "optax"):
        print(f"{name}=={bound}")
