"""Judges recipes of real libraries: `python -m frostproof.reports.libraries`.

Prints a table in Markdown, kept as `reference/corpus/libraries/README.md`: the guarantees that each
recipe keeps, the laws that refute it, the smallest counterexample, and the cause.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from ..reference.corpus.libraries import VALIDATIONS, Validation
from .formats.markdown import cell
from .results.report import Report
from .results.row import Row
from .run.listener import Listener
from .run.verify import verify

#: Examples per law, always the same: a trainer is compiled for nearly each, a wrapper is not.
EXAMPLES = {"optax": 20, "trainer": 6}
SEED = 0
PACKAGE = "frostproof.reference.corpus.libraries"

_HEAD = """# Real libraries under test

Recipes for freezing, each as the documentation of its library has it and through public API alone,
judged by the law book. A guarantee is kept where each law about it that could run held; fewer laws
can judge a program that has its own optimizer, as Keras programs have. Printed by

```console
$ pip install 'frostproof[libraries]'
$ python -m frostproof.reports.libraries
```

| recipe | library | keeps | breaks, though promised | breaks beyond the promise | smallest \
counterexample |
|---|---|---|---|---|---|
"""


class _Progress(Listener):
    """Prints verdicts on standard error as they come, since a run takes minutes."""

    def on_row(self, row: Row) -> None:
        print(f"{row.verdict:8} {row.id.removeprefix(PACKAGE + '.')}", file=sys.stderr)


def judge(validation: Validation, laws: Iterable[str] = ("*",)) -> Report:
    """Judge one recipe in its own process."""
    wrapper = validation.target.startswith("optax_")
    return verify(
        f"{PACKAGE}.{validation.target}",
        laws=tuple(laws),
        max_examples=EXAMPLES["optax" if wrapper else "trainer"],
        seed=SEED,
        listener=_Progress(),
    )


def table_row(validation: Validation, report: Report) -> str:
    """Return a recipe's row of the table."""
    (standing,) = report.standings.values()
    kept = ", ".join(standing.held) or "nothing"
    broken = broken_rows(report)
    promised, beyond = (
        ", ".join(f"`{row.law}`" for row in broken if row.promised is each) or "–"
        for each in (True, False)
    )
    example = broken[0].reason or "" if broken else "–"
    library = f"{validation.library} {version(validation.library)}"
    return f"| {' | '.join((validation.recipe, library, kept, promised, beyond, cell(example)))} |"


def broken_rows(report: Report) -> list[Row]:
    """Return the laws that refute a recipe, promised ones first."""
    broken = [row for row in report.rows if row.verdict in ("refuted", "error")]
    return sorted(broken, key=lambda row: not row.promised)


def causes(validation: Validation) -> list[str]:
    """Return a line per cause why laws refute a recipe, and one for a report to its maintainers."""
    lines = [
        f"- {validation.recipe}, {', '.join(f'`{law}`' for law in each.laws)}: {each.sentence}"
        for each in validation.causes
    ]
    if validation.upstream is not None:
        name = f"upstream/{validation.upstream}"
        lines.append(f"- {validation.recipe}: shown to its maintainers by [`{name}`]({name}).")
    return lines


def main(globs: Sequence[str]) -> None:
    """Judge all recipes, or those of these names, and print each row as it comes."""
    chosen = [each for each in VALIDATIONS if not globs or any(map(each.matches, globs))]
    print(_HEAD, end="", flush=True)
    for each in chosen:
        print(table_row(each, judge(each)), flush=True)
    print("\n## Causes\n")
    print("\n".join(line for each in chosen for line in causes(each)))


if __name__ == "__main__":
    main(sys.argv[1:])
