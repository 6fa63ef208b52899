"""The imports of a script: those that it uses, and no others."""

from __future__ import annotations

import ast
import re

#: What literals of a script, and the import of its subject, may need.
_OF_LITERALS = ("base64", "pathlib", "sys", "zlib")
#: They stand together. Where arrays go to files, and come back, others of them are needed.
_BLOCK = re.compile(rf"^(?:import (?:{'|'.join(_OF_LITERALS)})\n)+", re.MULTILINE)


def imports_of_literals(source: str) -> str:
    """Return the lines that import what the literals of a script need."""
    used = (name for name in _OF_LITERALS if re.search(rf"\b{name}\.", source))
    return "".join(f"import {name}\n" for name in used)


def with_imports_anew(source: str) -> str:
    """Return a script whose literals have changed with the imports that they need now."""
    return _BLOCK.sub(imports_of_literals(source), source, count=1)


def is_idle_import(statement: ast.stmt, used: set[str]) -> bool:
    """Tell whether a statement is an import that brings none of the `used` names."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return False
    return used.isdisjoint(each.asname or each.name.partition(".")[0] for each in statement.names)
