"""Judges the prover by many random programs: `python soundness.py --resume FILE --programs N`.

A row in FILE for each hundred programs; what is there already is not judged again. Ends with 1 if
one claim is not true, and prints the program.
"""

import argparse
import json
import sys
from pathlib import Path

import jax
import numpy as np

from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.meta.proofs.random_programs.draft import Drawn
from frostproof.properties.meta.proofs.random_programs.program import (
    FAMILIES,
    MORE_FAMILIES,
    draw_program,
)
from frostproof.properties.meta.proofs.unsound import unsound_claims

#: Programs in a row of the file, and those of them that are compiled, together: to compile one
#: takes as long as to evaluate ten equation by equation.
_ROW, _COMPILED = 100, 10
#: Rows after which compiled programs are given back.
_FORGETTING = 10


#: From this number on programs are of all families.
MORE_FROM = 200_000


def program(number: int) -> Drawn:
    """Return the program of a number: the same one at all times."""
    generator = np.random.default_rng(number)
    families = FAMILIES if number < MORE_FROM else MORE_FAMILIES
    return draw_program(lambda count: int(generator.integers(count)), families)


def judge(row: int) -> str:
    """Return the first claim about a hundred programs that is not true, or an empty text."""
    drawn = [program(number) for number in range(row * _ROW, (row + 1) * _ROW)]
    wrong = next(unsound_claims(drawn, jitted=_COMPILED), "")
    if row % _FORGETTING == 0:  # thousands of programs are more than a process can hold
        jax.clear_caches()
    return wrong


def main() -> int:
    """Go on where an earlier run stopped, up to the number of programs that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=200_000)
    options = parser.parse_args()
    judged = {row["row"]: row["wrong"] for row in rows_of(options.resume)}
    with going_on(options.resume) as file:
        for row in range(options.programs // _ROW):
            if row not in judged:
                judged[row] = judge(row)
                print(json.dumps({"row": row, "wrong": judged[row]}), file=file, flush=True)
    wrong = [each for each in judged.values() if each]
    print(f"{len(judged) * _ROW} programs, {len(wrong)} with an untrue claim")
    for each in wrong[:3]:
        print(each)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
