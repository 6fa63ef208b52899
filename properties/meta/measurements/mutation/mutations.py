"""The mutants of a module: what cosmic-ray's operators make of it, one small change in each.

Left out are changes that no program can show: those that do not compile, and those of annotations
alone, in which most of the operators of Python stand.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

#: Of eleven replacements for an operator of arithmetic one is kept: nearly all the others raise.
ARITHMETIC = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "Div",
    "Div": "Mul",
    "Pow": "Mul",
    "Mod": "FloorDiv",
    "FloorDiv": "Div",
    "BitOr": "BitAnd",
    "BitAnd": "BitOr",
    "BitXor": "BitOr",
}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: which line became which other, and the whole source."""

    module: str
    line: int
    before: str
    after: str
    source: str

    @property
    def id(self) -> str:
        """The module and the change, whatever line it stands in."""
        return f"{self.module}: {self.before} → {self.after}"


def mutants(module: str, path: Path, functions: tuple[str, ...] = ()) -> list[Mutant]:
    """Return the mutants of a module, or of some functions in it, in the order of the lines.

    Equal programs come once; the same change in two equal lines is told apart by “(again)”.
    """
    code = path.read_bytes()
    plain = _without_annotations(code.decode())
    found: dict[str, Mutant] = {}
    sources = {plain}
    for mutated in _mutated(path, code):
        try:
            stripped = _without_annotations(mutated)
        except SyntaxError:
            continue
        if stripped not in sources:
            sources.add(stripped)
            mutant = _described(module, code.decode(), mutated)
            while mutant.id in found:
                mutant = Mutant(**vars(mutant) | {"after": f"{mutant.after} (again)"})
            found[mutant.id] = mutant
    chosen = _lines(code.decode(), functions)
    inside = [mutant for mutant in found.values() if not functions or mutant.line in chosen]
    return sorted(inside, key=lambda mutant: mutant.line)


def _lines(source: str, functions: tuple[str, ...]) -> set[int]:
    """Return the numbers of the lines of some functions."""
    return {
        line
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in functions
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }


def _mutated(path: Path, code: bytes) -> Iterator[str]:
    for name in operator_names():
        kind, *change = name.rpartition("/")[2].split("_")
        if kind == "ReplaceBinaryOperator" and ARITHMETIC.get(change[0]) != change[1]:
            continue
        try:
            operator = get_operator(name)()
        except TypeError:  # one that has to be told more, such as which variables to replace
            continue
        nodes = ast_nodes(get_ast_from_path(path))
        count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        for occurrence in range(count):
            mutated = mutate_code(code, operator, occurrence)
            if mutated is not None:
                yield mutated if isinstance(mutated, str) else mutated.decode()


class _Stripping(ast.NodeTransformer):
    """Takes the annotations out of a module."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for each in ast.walk(node.args):
            if isinstance(each, ast.arg):
                each.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def _without_annotations(source: str) -> str:
    compile(source, "mutant", "exec")  # what parses may still be no program
    return ast.dump(_Stripping().visit(ast.parse(source)))


def _described(module: str, before: str, after: str) -> Mutant:
    lines, others = before.splitlines(), after.splitlines()
    for tag, start, end, other, last in difflib.SequenceMatcher(
        None, lines, others, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            old, new = (
                " ".join(" ".join(part).split()) for part in (lines[start:end], others[other:last])
            )
            return Mutant(module, start + 1, old, new or "(nothing)", after)
    raise ValueError(f"a mutant of {module} is the module itself")
