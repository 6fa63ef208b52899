"""What was found in real libraries, as Markdown: kept as `reference/corpus/libraries/README.md`."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from ...reference.corpus.libraries import Validation
from ..formats.markdown import cell
from ..results.guarantees import standings
from ..results.report import Report
from ..results.row import Row
from .environments import EnvironmentNotMade
from .judging import NotJudged
from .kept import kept_or_judged

_HEAD = """# Real libraries under test

Recipes for freezing, each as the documentation of its library has it and through public API alone,
judged by the law book. A guarantee is kept where each law about it that could run held; a program
with its own optimizer, as those of Keras, can be judged by fewer of them. Printed by

```console
$ pip install 'frostproof[libraries]'
$ python -m frostproof.reports.libraries
```

A recipe that needs another environment is installed in a folder under `~/.cache/frostproof`,
with pinned versions, and judged there by one law per guarantee. Reports are kept there, too: a
second run prints the table again, and judges what has changed.

What the libraries' [own tests](OWN_TESTS.md) say of the faults, and what the
[scripts](upstream/README.md) for their maintainers print, is measured by their own commands.

"""

#: What the cells of a row say.
COLUMNS = (
    "recipe",
    "library",
    "keeps",
    "breaks, though promised",
    "breaks beyond the promise",
    "smallest counterexample",
    "since",
)


def table_row(validation: Validation, report: Report) -> str:
    """Return a recipe's row of the table."""
    (standing,) = standings(report.rows).values()
    kept = ", ".join(standing.held) or "nothing"
    broken = broken_rows(report)
    promised, beyond = (
        ", ".join(f"`{row.law}`" for row in broken if row.promised is each) or "–"
        for each in (True, False)
    )
    example = broken[0].reason or "" if broken else "–"
    library = f"{validation.library} {judged_version(validation)}"
    since = validation.since or "–"
    cells = (validation.recipe, library, kept, promised, beyond, cell(example), since)
    return f"| {' | '.join(cells)} |"


def judged_version(validation: Validation) -> str:
    """Return the version of a recipe's library: its pin, or what is installed here."""
    return version_of(validation.library, validation)


def version_of(package: str, validation: Validation) -> str:
    """Return the version of a package with which a recipe is judged."""
    if validation.environment is None:
        return version(package)
    pins = (each.partition("==") for each in validation.environment.packages)
    return next(version for name, _, version in pins if name == package)


def broken_rows(report: Report) -> list[Row]:
    """Return the rows that a recipe fails by, those of its promise first."""
    broken = [row for row in report.rows if row.verdict in ("refuted", "error")]
    return sorted(broken, key=lambda row: not row.promised)


def causes(validation: Validation) -> list[str]:
    """Return a line for each law that refutes a recipe, and for what goes to its maintainers."""
    lines = [
        f"- {', '.join((validation.recipe, *(f'`{law}`' for law in each.laws)))}: {each.sentence}"
        for each in validation.causes
    ]
    if validation.upstream is not None:
        name = f"upstream/{validation.upstream}"
        lines.append(f"- {validation.recipe}: shown to its maintainers by [`{name}`]({name}).")
    return lines


def print_table(chosen: Sequence[Validation]) -> list[tuple[Validation, Report]]:
    """Judge these recipes, print what was found as it is found, and return it."""
    judged = []
    print(_HEAD, end="")
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * len(COLUMNS)}", flush=True)
    for each in chosen:
        try:
            judged.append((each, kept_or_judged(each)))
        except (EnvironmentNotMade, NotJudged) as error:
            print(f"not judged: {error}", file=sys.stderr)
        else:
            print(table_row(*judged[-1]), flush=True)
    print("\n## Causes\n")
    print("\n".join(line for each in chosen for line in causes(each)))
    return judged
