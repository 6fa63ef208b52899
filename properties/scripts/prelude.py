"""What all scripts have in common: the law, the functions that they use, and what they assert."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable
from types import ModuleType

from ..laws.law import Law, Refutation, SubjectRaised
from .imports import imports_of_literals, is_idle_import


def complete(law: Law, prelude: str, lines: Iterable[str]) -> str:
    """Return a script: the law, imports that literals need, a prelude, and the lines."""
    body = "\n".join((prelude, "", *lines, ""))
    return f'"""{law.id}: {law.statement}"""\n\n{imports_of_literals(body)}\n{body}'


def assertion_lines(refutation: Refutation) -> list[str]:
    """Return the lines that fail; where the subject raises before them there are none."""
    if isinstance(refutation, SubjectRaised) and refutation.assertion == "True":
        return [f"# {refutation}"]
    return ["", f"assert {refutation.assertion}, (", f"    {str(refutation)!r}", ")"]


def paste(module: ModuleType, lines: Iterable[str]) -> str:
    """Return a module's source without its docstring, and without functions and imports that are
    not used.

    Args:
        module: its functions may use each other.
        lines: the script that is to follow.
    """
    source = inspect.getsource(module).splitlines()
    _, *statements = ast.parse("\n".join(source)).body
    functions = {each.name: each for each in statements if isinstance(each, ast.FunctionDef)}
    values = [each for each in statements if not isinstance(each, ast.FunctionDef)]
    used = set(re.findall(r"\w+", "\n".join(lines))).union(*map(_names, values))
    found = functions.keys() & used
    while found:
        names = set[str]().union(*(_names(functions[name]) for name in found))
        found = (functions.keys() & names) - used
        used |= names
    pasted: list[str] = []
    end = 1  # a module's docstring is one line
    for statement in statements:
        start, end = end, statement.end_lineno or 0
        if isinstance(statement, ast.FunctionDef):
            idle = statement.name not in used
        else:
            idle = is_idle_import(statement, used)
        if not idle:
            pasted += source[start:end]
    return "\n".join(pasted).strip()


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
