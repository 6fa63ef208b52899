"""Reads the `[tool.frostproof]` table of a project's pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

#: The keys, as the command line calls them, and what they hold.
_KEYS: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "laws": ("a list of globs on law ids", list),
    "max-examples": ("an integer", int),
    "promise": ("a list of guarantees", list),
    "seed": ("an integer", int),
    "timeout": ("a number of seconds", (int, float)),
}


def project_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a project.

    Args:
        folder: the folder of the pyproject.toml.

    Returns:
        The settings by the argument names of `verify`; {} where the file or the table is missing.

    Raises:
        ValueError: which names the file, for an unknown key or a value of a wrong type.
    """
    path = folder / "pyproject.toml"
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # `ValueError`: it is not TOML, or not UTF-8
        raise ValueError(f"{path}: {error}") from None
    place = f"{path}: [tool.frostproof]"
    table = tools.get("frostproof", {}) if isinstance(tools, dict) else tools
    if not isinstance(table, dict):
        raise ValueError(f"{place} must be a table, got {table!r}")
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"{place} has no key `{key}`; its keys are {', '.join(_KEYS)}")
        what, types = _KEYS[key]
        texts = not isinstance(value, list) or all(isinstance(entry, str) for entry in value)
        if not isinstance(value, types) or isinstance(value, bool) or not texts:
            raise ValueError(f"{place} `{key}` must be {what}, got {value!r}")
    return {key.replace("-", "_"): value for key, value in table.items()}
