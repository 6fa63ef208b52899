"""Breaks every rule of the prover on purpose and counts what random programs do not notice.

`python rule_mutants.py --resume FILE`: a change of a rule claims more than the rule does, such as
that there is no NaN, no −0, a narrower range, or the same bits as an operand. It is killed by a
program of which the claim is not true. FILE gets a row for each primitive, and what is there
already is not measured again. Ends with 1 if a primitive is never drawn, or if a change survives
that is not in `SURVIVORS`, which says of each why it is not a fault.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun, jaxprs_in_params

from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.meta.proofs.random_programs.draft import Drawn
from frostproof.properties.meta.proofs.rule_changes import CHANGES, SURVIVORS, Change
from frostproof.properties.meta.proofs.soundness import MORE_FROM, program
from frostproof.properties.meta.proofs.unsound import arrays, changed_arrays, wrong
from frostproof.properties.proofs.interpretation.domain import Value
from frostproof.properties.proofs.interpretation.interpreter import Interpreter
from frostproof.properties.proofs.interpretation.rules.table import RULES

#: Inputs, and what is computed of them.
Run = tuple[list[np.ndarray], list[np.ndarray]]
#: The programs that hold a primitive, by its name.
Bank = Mapping[str, Sequence["Traced"]]


@dataclass
class Traced:
    """A program, which is evaluated once, when a change claims more of it than was claimed."""

    drawn: Drawn
    jaxpr: ClosedJaxpr

    def claims(self) -> list[Value]:
        """Return what the rules, as they are now, say of all that it computes."""
        return Interpreter().run(self.jaxpr, [given.value for given in self.drawn.inputs])

    @cached_property
    def claimed(self) -> list[Value]:
        """Return what the rules say as they are in the table."""
        return self.claims()

    @cached_property
    def eager(self) -> Sequence[Run]:
        """Evaluate it equation by equation."""
        with jax.disable_jit():
            return self._evaluated(self.drawn)

    @cached_property
    def compiled(self) -> Sequence[Run]:
        """Evaluate it compiled."""
        return self._evaluated(jax.jit(jaxpr_as_fun(self.jaxpr)))

    def _evaluated(self, run: Callable[..., Sequence[Any]]) -> Sequence[Run]:
        inputs = [changed_arrays(self.drawn, changed) for changed in (-1, 0, 1, 2)]
        return [
            (_arrays(given), _arrays(run(*given))) for given in (*inputs, arrays(self.drawn, 1))
        ]


def _arrays(given: Sequence[Any]) -> list[np.ndarray]:
    return [np.asarray(each) for each in given]


def banked(names: Collection[str], most: int, wanted: int) -> Bank:
    """Return so many programs of each primitive: the first of those that hold it."""
    bank: dict[str, list[Traced]] = defaultdict(list)
    numbers = zip(range(most), range(MORE_FROM, MORE_FROM + most), strict=True)
    for number in chain.from_iterable(numbers):
        short = {name for name in names if len(bank[name]) < wanted}
        if not short:
            break
        drawn = program(number)
        traced = Traced(drawn, jax.make_jaxpr(drawn)(*arrays(drawn, 0)))
        for name in short & set(_primitives(traced.jaxpr.jaxpr)):
            bank[name].append(traced)
    return bank


def _primitives(jaxpr: Jaxpr) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jaxprs_in_params(equation.params):
            yield from _primitives(getattr(inner, "jaxpr", inner))


def survives(name: str, change: Change, programs: Sequence[Traced]) -> bool | None:
    """Tell whether no program shows that a changed rule is false; None if it never says more."""
    before = [each.claimed for each in programs]
    original = RULES[name]
    RULES[name] = change(original)  # type: ignore[index]
    try:
        after = [each.claims() for each in programs]
    finally:
        RULES[name] = original  # type: ignore[index]
    differing = [
        (each, now)
        for each, then, now in zip(programs, before, after, strict=True)
        if [(v.range, v.same) for v in now] != [(v.range, v.same) for v in then]
    ]
    if not differing:
        return None
    return not any(_untrue(now, each.eager) for each, now in differing)


def _untrue(claims: Sequence[Value], runs: Sequence[Run]) -> bool:
    return any(
        wrong(value, output, given)
        for given, outputs in runs
        for value, output in zip(claims, outputs, strict=True)
    )


def measured(name: str, programs: Sequence[Traced]) -> dict[str, object]:
    """Return for a primitive how many changes died, say nothing more, and survive."""
    outcomes = {words: survives(name, change, programs) for words, change in CHANGES.items()}
    return {
        "primitive": name,
        "programs": len(programs),
        "dead": [words for words, each in outcomes.items() if each is False],
        "equivalent": [words for words, each in outcomes.items() if each is None],
        "alive": [f"{name}: {words}" for words, each in outcomes.items() if each],
    }


def main() -> int:
    """Print each change that survives, and how many died."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=20_000, help="looked through, twice")
    parser.add_argument("--each", type=int, default=250, help="programs for each primitive")
    parser.add_argument("--only", nargs="+", default=list(RULES), help="some primitives")
    options = parser.parse_args()
    rows = {row["primitive"]: row for row in rows_of(options.resume)}
    left = [name for name in options.only if name not in rows]
    bank = banked(left, options.programs, options.each)
    with going_on(options.resume) as file:
        for name in left:
            rows[name] = measured(name, bank[name])
            print(json.dumps(rows[name]), file=file, flush=True)
    return told([rows[name] for name in options.only])


def told(rows: Sequence[Mapping[str, object]]) -> int:
    """Print what was measured, and return the exit status."""
    never = [row["primitive"] for row in rows if not row["programs"]]
    alive = [each for row in rows for each in row["alive"]]
    for each in never:
        print(f"never drawn: {each}")
    for each in alive:
        print(f"survives: {each}" + (f" ({SURVIVORS[each]})" if each in SURVIVORS else ""))
    for each in sorted(
        SURVIVORS.keys() & {f"{r['primitive']}: {c}" for r in rows for c in r["dead"]}
    ):
        print(f"is explained, but dies: {each}")
    dead, equivalent = (sum(len(row[word]) for row in rows) for word in ("dead", "equivalent"))
    print(f"{dead} dead, {equivalent} change nothing, {len(alive)} survive")
    return bool(never or set(alive) - SURVIVORS.keys())


if __name__ == "__main__":
    sys.exit(main())
