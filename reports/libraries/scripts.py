"""Runs the scripts for maintainers, and prints what each of them expects and sees, as Markdown."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...reference.corpus.libraries import Validation
from ...reference.corpus.libraries.environments import Environment
from ..formats.markdown import cell
from .environments import EnvironmentNotMade, interpreter

UPSTREAM = Path(__file__).parents[2] / "reference" / "corpus" / "libraries" / "upstream"
#: Seconds that a script may take: it trains for a few steps.
_LONGEST = 300
_HEAD = """# Scripts for maintainers

Each shows a fault by its library alone, and ends with an `AssertionError` as long as the fault is
there. Its first lines say in plain words what is wrong. This runs them all, and prints this page:

```console
$ python -m frostproof.reports.libraries scripts
```

| script | run with | expected | seen | shows it |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Said:
    """What a script said."""

    expected: str
    seen: str
    #: The last line on standard error; none where the script found nothing wrong.
    ended: str

    @property
    def shows_fault(self) -> bool:
        """Whether the assertion at its end failed, and nothing before it."""
        return self.ended.startswith("AssertionError")


def run_script(validation: Validation, environment: Environment | None) -> Said:
    """Run a recipe's script in an environment, or in this one.

    Raises:
        EnvironmentNotMade: its packages cannot be installed.
    """
    python = sys.executable if environment is None else interpreter(environment)
    script = UPSTREAM / (validation.upstream or "")
    run = subprocess.run(
        [str(python), str(script)], capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    ended = run.stderr.strip().splitlines()[-1:] if run.returncode else []
    return Said(_told("expected", run.stdout), _told("seen", run.stdout), "".join(ended))


def _told(word: str, output: str) -> str:
    found = re.search(rf"^{word}: (.*)", output, re.MULTILINE)
    return found[1] if found else "–"


def script_row(validation: Validation, said: Said) -> str:
    """Return the row of a script."""
    name = validation.upstream or ""
    shows = "yes" if said.shows_fault else f"no: {said.ended or 'nothing is wrong'}"
    cells = (f"[`{name}`]({name})", _fails_with(name), said.expected, said.seen, shows)
    return f"| {' | '.join((cells[0], *map(cell, cells[1:])))} |"


def _fails_with(script: str) -> str:
    text = (UPSTREAM / script).read_text(encoding="utf-8")
    said = re.search(r"^Fails with (.*?)\.\s", text, re.MULTILINE | re.DOTALL)
    return " ".join(said[1].split()) if said else "–"


def print_scripts(chosen: Sequence[Validation]) -> int:
    """Run the scripts of these recipes, print the page, and return 1 if one shows nothing."""
    shown = []
    print(_HEAD, end="", flush=True)
    for each in (each for each in chosen if each.upstream):
        try:
            said = run_script(each, each.environment)
        except EnvironmentNotMade as error:
            said = Said("–", "–", str(error))
        shown.append(said.shows_fault)
        print(script_row(each, said), flush=True)
    return 0 if all(shown) else 1
