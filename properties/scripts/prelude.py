"""What all scripts have in common: the law, the functions that they use, and what they assert."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable
from types import ModuleType

from ..laws.law import Law, Refutation, SubjectRaised


def complete(law: Law, prelude: str, lines: Iterable[str]) -> str:
    """Return a script: the law, imports that literals need, a prelude, and the lines."""
    imports = "import base64\nimport pathlib\nimport sys\nimport zlib\n"
    return "\n".join((f'"""{law.id}: {law.statement}"""', "", imports, prelude, "", *lines, ""))


def assertion_lines(refutation: Refutation) -> list[str]:
    """Return the lines that fail; where the subject raises before them there are none."""
    if isinstance(refutation, SubjectRaised) and refutation.assertion == "True":
        return [f"# {refutation}"]
    return ["", f"assert {refutation.assertion}, (", f"    {str(refutation)!r}", ")"]


def paste(module: ModuleType, lines: Iterable[str]) -> str:
    """Return a module's source without its docstring, and without functions that are not used.

    Args:
        module: its functions may use each other.
        lines: the script that is to follow.
    """
    source = inspect.getsource(module).splitlines()
    _, *statements = ast.parse("\n".join(source)).body
    functions = {each.name: each for each in statements if isinstance(each, ast.FunctionDef)}
    used, found = set[str](), functions.keys() & set(re.findall(r"\w+", "\n".join(lines)))
    while found:
        used |= found
        nodes = [node for name in found for node in ast.walk(functions[name])]
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        found = (functions.keys() & names) - used
    pasted: list[str] = []
    end = 1  # a module's docstring is one line
    for statement in statements:
        start, end = end, statement.end_lineno or 0
        if not isinstance(statement, ast.FunctionDef) or statement.name in used:
            pasted += source[start:end]
    return "\n".join(pasted).strip()
