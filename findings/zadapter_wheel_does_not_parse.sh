#!/usr/bin/env bash
# ZAdapter 0.2.0: the wheel installs, and no Python can import it: its `__init__` does not parse.
#
# Expected: a release that pip installs without a word can be imported on one of the Python versions
# that it lists.
#
# What happens: a string in `__init__.py` spans a line break without being closed, a SyntaxError in
# every version of Python. A wheel is unpacked, not run; pip compiles what it unpacked, and takes a file
# that does not compile for none of its business. It is the newest release, since August 2026.
#
# For a freeze: this adapter's recipe for freezing can be read and not run. What reads package indexes
# to recommend a library does not see it either.

packages=(zadapter==0.2.0 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import ast
import importlib.util
from importlib.metadata import version
from pathlib import Path

folder = Path(importlib.util.find_spec("zadapter").submodule_search_locations[0])
print("installed:", version("zadapter"))
for path in sorted(folder.glob("*.py")):
    try:
        ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        print(f"{path.name}, line {error.lineno}: {error.msg}")
try:
    import zadapter
except SyntaxError:
    print("import: SyntaxError")
PYTHON
)

expected=$(cat <<'TEXT'
installed: 0.2.0
__init__.py, line 74: unterminated string literal (detected at line 74)
import: SyntaxError
TEXT
)

. "$(dirname "$0")/judge.bash"
