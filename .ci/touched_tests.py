"""Prints the tests of what differs from a base, quick ones first: `.ci/touched_tests.py BASE`.

These are the tests that were touched, those that import a touched module by name, and, of a module
that no test imports, all tests in the folder of `properties/meta/` that mirrors its own.
"""

import ast
import subprocess
import sys
from pathlib import Path

META = Path("properties/meta")
#: The rules of the house are about every file, and take a second.
ALWAYS = META / "house/test_layers.py"


def touched(base: str) -> list[Path]:
    """Return the Python files that differ from where this branch left the base, or are new."""
    left = git("merge-base", base, "HEAD") or ["HEAD"]
    names = git("diff", "--name-only", "--diff-filter=d", left[0])
    names += git("ls-files", "--others", "--exclude-standard")
    return [Path(name) for name in names if name.endswith(".py")]


def git(*arguments: str) -> list[str]:
    """Return the lines that a git command prints; none where it fails."""
    run = subprocess.run(["git", *arguments], capture_output=True, text=True)
    return run.stdout.split()


def modules_in(test: Path) -> set[str]:
    """Return the modules, and names in modules, that a test imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(test.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def tests_of(path: Path, importing: dict[Path, set[str]]) -> set[Path]:
    """Return the tests of one file."""
    if META in path.parents:
        return {path} if path.name.startswith("test_") else set()
    module = "frostproof." + ".".join(path.with_suffix("").parts)
    direct = {test for test, names in importing.items() if module in names}
    mirror = META / path.parent
    return direct or ({mirror} if any(mirror.glob("**/test_*.py")) else set())


def main(base: str) -> None:
    """Print the tests, each once."""
    importing = {test: modules_in(test) for test in sorted(META.rglob("test_*.py"))}
    found = {test for path in touched(base) for test in tests_of(path, importing)}
    inside = {test for test in found if found & set(test.parents)}
    by_size = sorted(found - inside - {ALWAYS}, key=lambda test: (test.is_dir(), str(test)))
    print(*(str(test) for test in (ALWAYS, *by_size)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
