"""Mutation testing: what becomes of small changes to Optax's modules of freezing, and to ours.

    python properties/meta/measurements/mutation/mutants.py --resume mutants.jsonl

Changes are made by cosmic-ray's operators (`pip install -e '.[mutation]'`), one to a mutant. Those
of Optax are judged by our laws and by Optax's own tests of these modules, each for itself; those of
`reference/` by our laws and, should they survive, by the tests of the suite. Every result is
written as it is reached, and a run that was cut off goes on where it stopped. At the end the folder
`--output` holds `mutants.json` and `mutants.md`. Ends with status 1 if a mutant survived that is
not known to be equivalent, or if Optax's tests found more than the laws.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from frostproof.properties.meta.measurements.mutation.mutant_figures import lacking, write_figures
from frostproof.properties.meta.measurements.mutation.mutation_plans import PLANS, file_of
from frostproof.properties.meta.measurements.mutation.mutations import Mutant, mutants
from frostproof.properties.meta.measurements.resumed import going_on, rows_of

HERE = Path(__file__).parent
SUITES = ("stillborn", "laws", "tests")


def main() -> int:
    """Hunt every mutant that is not in the file yet, and write the figures."""
    options = parse_options()
    rows = {row["id"]: row for row in rows_of(options.resume)}
    modules = [
        name for name in PLANS if any(fnmatchcase(name, g) for g in options.modules or ["*"])
    ]
    every = [
        mutant for name in modules for mutant in mutants(name, file_of(name), PLANS[name].functions)
    ]
    todo = [mutant for mutant in every if mutant.id not in rows]
    started = time.monotonic()
    with going_on(options.resume) as file:
        try:
            for finished, mutant in enumerate(todo, 1):
                row = hunted(mutant, options.timeout)
                rows[mutant.id] = row
                print(json.dumps(row), file=file, flush=True)
                spent = time.monotonic() - started
                left = spent / finished * (len(todo) - finished)
                found = {suite: row[suite] for suite in SUITES if suite in row}
                print(f"{finished}/{len(todo)} {mutant.id}\n    {found}, about {left:.0f} s to go")
                sys.stdout.flush()
        except KeyboardInterrupt:
            print("broken off: the figures are of what was measured")
    measured = [rows[mutant.id] for mutant in every if mutant.id in rows]
    write_figures(options.output, measured, len(every))
    return 1 if lacking(measured) else 0


def hunted(mutant: Mutant, timeout: float) -> dict[str, Any]:
    """Run the suites on a mutant, in its own process: one that hangs, or takes that down, has
    noticed the mutant too.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.py"
        path.write_text(mutant.source, encoding="utf-8")
        command = [sys.executable, HERE / "mutant_run.py", mutant.module, path]
        with open(Path(folder) / "said", "w+", encoding="utf-8") as said:
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    stdout=said,
                    stderr=subprocess.DEVNULL,
                    timeout=timeout,
                    check=False,
                )
                end = f"exit {done.returncode}" if done.returncode else None
            except subprocess.TimeoutExpired:
                end = f"no end within {timeout:g} s"
            said.seek(0)
            found = {}
            for line in said:
                found |= json.loads(line)
    if end:  # in the suite that did not come to its own
        found["tests" if "laws" in found else "laws"] = end
    row = {"module": mutant.module, "line": mutant.line, "id": mutant.id, **found}
    return row | {"seconds": round(time.monotonic() - started, 1)}


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*", metavar="GLOB", help="only modules like this")
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, default=HERE.parent / "measured", metavar="DIR")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for a mutant")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
