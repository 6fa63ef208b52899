"""Breaks every rule of the prover on purpose and counts what random programs do not notice.

`python rule_mutants.py --resume FILE [--programs N]`: a change of a rule claims more than the rule
does, such as that there is no NaN, no −0, a narrower range, or the same bits as an operand. It is
killed by a program of which the claim is not true. FILE gets a row for each primitive, and what is
there already is not measured again. Ends with 1 if a change survives that is not in SURVIVORS,
which says of each why it is no fault.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.meta.proofs.random_programs.draft import Drawn
from frostproof.properties.meta.proofs.soundness import program
from frostproof.properties.meta.proofs.unsound import arrays, changed_arrays, wrong
from frostproof.properties.proofs.interpretation.domain import Level, Range
from frostproof.properties.proofs.interpretation.interpreter import Interpreter
from frostproof.properties.proofs.interpretation.rules.rule import Call, Rule, kept
from frostproof.properties.proofs.interpretation.rules.table import RULES


@dataclass
class Evaluated:
    """A program with what it computes of several inputs, equation by equation."""

    drawn: Drawn
    jaxpr: object
    inputs: list[list[np.ndarray]]
    outputs: list[list[np.ndarray]]
    primitives: frozenset[str]


def evaluated(most: int, wanted: int, only: Collection[str]) -> Iterator[Evaluated]:
    """Evaluate programs, of so many, that hold a primitive which fewer than `wanted` had so far."""
    seen: Counter[str] = Counter()
    for number in range(most):
        if all(seen[each] >= wanted for each in only):
            return
        drawn = program(number)
        jaxpr = jax.make_jaxpr(drawn)(*arrays(drawn, 0))
        primitives = frozenset(_primitives(jaxpr.jaxpr)) & set(only)
        if all(seen[each] >= wanted for each in primitives):
            continue
        seen.update(primitives)
        inputs = [changed_arrays(drawn, changed) for changed in range(-1, 3)]
        inputs.append(arrays(drawn, 1))
        with jax.disable_jit():
            outputs = [[np.asarray(each) for each in drawn(*given)] for given in inputs]
        given = [[np.asarray(each) for each in row] for row in inputs]
        yield Evaluated(drawn, jaxpr, given, outputs, primitives)


def _primitives(jaxpr) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from _primitives(getattr(inner, "jaxpr", inner))


# Changes, each of which claims more than the rule


def _narrowed(change: Callable[[Range], Range]) -> Callable[[Rule], Rule]:
    def mutate(rule: Rule) -> Rule:
        def bounds(call: Call) -> Range | None:
            found = rule.bounds(call)
            return found if found is None else change(found)

        return replace(rule, bounds=bounds)

    return mutate


def _equal_to(place: int) -> Callable[[Rule], Rule]:
    def mutate(rule: Rule) -> Rule:
        def keeps(call: Call):
            if place >= len(call.operands) or call.operands[place].dtype != call.dtype:
                return rule.keeps(call)
            return kept(call, call.operands[place], Level.BITS)

        return replace(rule, keeps=keeps)

    return mutate


def _raised(rule: Rule) -> Rule:
    def keeps(call: Call):
        return dict.fromkeys(rule.keeps(call), Level.BITS)

    return replace(rule, keeps=keeps)


CHANGES: Mapping[str, Callable[[Rule], Rule]] = {
    "no NaN": _narrowed(lambda a: replace(a, nan=False)),
    "no −0": _narrowed(lambda a: replace(a, minus_zero=False)),
    "no +0": _narrowed(lambda a: replace(a, plus_zero=False)),
    "the lowest alone": _narrowed(lambda a: replace(a, high=a.low)),
    "the highest alone": _narrowed(lambda a: replace(a, low=a.high)),
    "the bits of the first operand": _equal_to(0),
    "the bits of the second operand": _equal_to(1),
    "bits where it keeps less": _raised,
}

#: Primitives whose programs are evaluated together.
_TOGETHER = 12

#: Changes that no program can show, and why: the rule allows for what the machine at hand spares.
SURVIVORS: Mapping[str, str] = {
    "integer_pow: bits where it keeps less": "x ** 1 is compiled to x itself",
    "reduce_sum: no −0": "here a sum begins with +0; elsewhere it may begin with its first term",
    "cumsum: no −0": "as `reduce_sum`",
    "dot_general: no −0": "as `reduce_sum`",
    "conv_general_dilated: no −0": "as `reduce_sum`",
    "rsqrt: no −0": "1/√−0 is −∞: what lies between it and other results has a zero",
    "exp2: no −0": "no power is negative: in bfloat16 a bound is moved outwards beyond zero",
    "log: no −0": "no number has a logarithm of −0, but what lies around zero has both zeros",
    "cos: no −0": "no number has a cosine of exactly zero",
    "cos: no +0": "no number has a cosine of exactly zero",
    "reduce_or: no +0": "bools have no zeros to speak of: `low` says whether one is false",
}


def survives(name: str, change: Callable[[Rule], Rule], bank: list[Evaluated]) -> bool | None:
    """Tell whether no program shows that a changed rule is false; None if it never says more."""
    original = RULES[name]
    plain = [_claims(each) for each in bank if name in each.primitives]
    RULES[name] = change(original)  # type: ignore[index]
    try:
        differs = False
        for each, before in zip(
            (each for each in bank if name in each.primitives), plain, strict=True
        ):
            values = _claims(each)
            if [(v.range, v.same) for v in values] == [(v.range, v.same) for v in before]:
                continue
            differs = True
            for given, outputs in zip(each.inputs, each.outputs, strict=True):
                if any(
                    wrong(value, output, given)
                    for value, output in zip(values, outputs, strict=True)
                ):
                    return False
        return True if differs else None
    finally:
        RULES[name] = original  # type: ignore[index]


def _claims(each: Evaluated):
    return Interpreter().run(each.jaxpr, [given.value for given in each.drawn.inputs])


def measured(names: Sequence[str], most: int, wanted: int) -> Iterator[dict[str, object]]:
    """Yield a row for each primitive: how many changes died, say nothing more, and survive."""
    bank = list(evaluated(most, wanted, names))
    for name in names:
        programs = sum(name in each.primitives for each in bank)
        outcomes = {words: survives(name, change, bank) for words, change in CHANGES.items()}
        yield {
            "primitive": name,
            "programs": programs,
            "dead": sum(each is False for each in outcomes.values()),
            "equivalent": sum(each is None for each in outcomes.values()),
            "alive": [f"{name}: {words}" for words, each in outcomes.items() if each],
        }
        jax.clear_caches()


def main() -> int:
    """Print each change that survives, and how many died."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=60, help="programs for each primitive")
    parser.add_argument("--only", nargs="+", default=list(RULES), help="some primitives")
    options = parser.parse_args()
    rows = {row["primitive"]: row for row in rows_of(options.resume)}
    left = [name for name in options.only if name not in rows]
    with going_on(options.resume) as file:
        for together in range(0, len(left), _TOGETHER):
            names = left[together : together + _TOGETHER]
            for row in measured(names, options.programs, options.each):
                rows[row["primitive"]] = row
                print(json.dumps(row), file=file, flush=True)
    asked = [rows[name] for name in options.only]
    for row in asked:
        if not row["programs"]:
            print(f"never drawn: {row['primitive']}")
    alive = [each for row in asked for each in row["alive"]]
    for each in alive:
        print(f"survives: {each}" + (f" ({SURVIVORS[each]})" if each in SURVIVORS else ""))
    dead, equivalent = (sum(row[word] for row in asked) for word in ("dead", "equivalent"))
    print(f"{dead} dead, {equivalent} change nothing, {len(alive)} survive")
    return bool(set(alive) - SURVIVORS.keys())


if __name__ == "__main__":
    sys.exit(main())
