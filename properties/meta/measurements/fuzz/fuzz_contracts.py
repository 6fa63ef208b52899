"""Fuzzes the contracts: no program of a user's may end in a failure of ours.

    cd properties/meta/measurements/fuzz && python fuzz_contracts.py --resume fuzz.jsonl

Draws 5,000 contracts of all kinds, each from its number, and judges each by some of the laws with
one example. Every result is written as it is reached, and a run that was cut off goes on where it
stopped. Ends with status 1 if any contract met an exception that is not documented, or a text such
as "itself failed".
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import jax

from frostproof.properties.meta.measurements.fuzz.drawn_contracts import judge_contract
from frostproof.properties.meta.measurements.resumed import going_on, rows_of

#: Compiled programs are dropped after so many contracts: each holds a piece of memory.
ROUND = 200


def main() -> int:
    """Judge all contracts that are not in the file yet, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--contracts", type=int, default=5000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N")
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    done = {row["number"]: row for row in rows_of(options.resume)}
    due = range(options.first, options.first + options.contracts)
    began = time.monotonic()
    with going_on(options.resume) as file:
        for number in due:
            if number in done:
                continue
            started = time.monotonic()
            row = asdict(judge_contract(number)) | {"seconds": round(time.monotonic() - started, 2)}
            done[number] = row
            print(json.dumps(row), file=file, flush=True)
            if row["found"]:
                print(f"FOUND {number} {row['words']}: {row['found'][0][-300:]}", flush=True)
            if number % ROUND == 0:
                jax.clear_caches()
                print(f"{number} contracts, {time.monotonic() - began:.0f} s", flush=True)
    rows = [done[number] for number in due]
    verdicts = Counter(
        verdict
        for row in rows
        for verdict in (
            row["outcome"].values() if isinstance(row["outcome"], dict) else ["refused"]
        )
    )
    found = [row for row in rows if row["found"]]
    laws = {law for row in rows for law in row["laws"]}
    print(f"{len(rows)} contracts under {len(laws)} laws: {dict(verdicts)}; {len(found)} failures")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
