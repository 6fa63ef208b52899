"""The kill matrix: every specimen against its law with many seeds, or against every law with one.

    python properties/meta/measurements/kill_matrix.py --resume kills.jsonl --output DIR

Each result is written to the first file as it is reached, and a run that was cut off goes on where
it stopped. At the end DIR holds `kill-matrix.json` and `kill-matrix.md` (see `kill_figures.py`).
Ends with status 1 if a specimen outlived a seed, takes too long to die, or does not shrink.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import frostproof
from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.plan.compiled_programs import keep_compiled_programs

#: Specimens after which processes are replaced: thousands of compiled programs in one run into the
#: system's limit of memory maps. (`max_tasks_per_child` would do it too, and hangs in Python 3.11.)
LIFE = 24


def main() -> int:
    """Measure what is not in the file yet, and write the figures."""
    keep_compiled_programs()
    from frostproof.properties.meta.measurements.kill_figures import failing, write_figures
    from frostproof.properties.meta.measurements.kills import specimen_ids

    options = parse_options()
    rows = {(row["part"], row["specimen"]): row for row in rows_of(options.resume)}
    globs = options.specimens or ["*"]
    ids = [id for id in specimen_ids() if any(fnmatchcase(id, glob) for glob in globs)]
    if not ids:
        print(f"no specimen is called {' or '.join(globs)}: they are `specimen/module/name`")
        return 2
    parts = ("own law", "every law") if options.every_law else ("own law",)
    tasks = [(part, id) for part in parts for id in ids if (part, id) not in rows]
    with going_on(options.resume) as file:
        try:
            for row in measured(tasks, options):
                rows[row["part"], row["specimen"]] = row
                print(json.dumps(row), file=file, flush=True)
        except KeyboardInterrupt:
            print("broken off: the figures are of what was measured")
    own, every = (
        [rows[part, id] for id in ids if (part, id) in rows] for part in ("own law", "every law")
    )
    write_figures(options.output, own, every, len(specimen_ids()), options.max_examples)
    late = [row["specimen"] for row in own if failing(row)]
    print(f"{len(own)} specimens, {len(late)} of them late or large{':' * bool(late)}", *late)
    return 1 if late else 0


def measured(tasks: list[tuple[str, str]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rows as they are reached, and say how far it is."""
    started, finished = time.monotonic(), 0
    together = LIFE * options.processes
    for start in range(0, len(tasks), together):
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.processes, mp_context=spawn) as pool:
            running = [
                pool.submit(measure, *task, options) for task in tasks[start : start + together]
            ]
            for done in as_completed(running):
                row = done.result()
                finished += 1
                spent = time.monotonic() - started
                left = spent / finished * (len(tasks) - finished)
                result = row.get("seeds") or row.get("laws")
                print(
                    f"{finished}/{len(tasks)} {row['specimen']} {row.get('law', '')}: {result}, "
                    f"{spent:.0f} s, about {left:.0f} s to go",
                    flush=True,
                )
                yield row


def measure(part: str, id: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one specimen, in a process of the pool."""
    keep_compiled_programs()
    from frostproof.properties.meta.measurements.kills import kills, kills_by_every_law

    if part == "every law":
        return {"part": part, **kills_by_every_law(id, options.max_examples)}
    return {"part": part, **kills(id, options.seeds, options.max_examples)}


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "specimens", nargs="*", metavar="GLOB", help="only `specimen/module/name` like this"
    )
    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--max-examples", type=int, default=100, metavar="N")
    parser.add_argument("--every-law", action="store_true", help="also by all laws, with one seed")
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    measured = (
        Path(frostproof.__file__).parent / "properties" / "meta" / "measurements" / "measured"
    )
    parser.add_argument("--output", type=Path, default=measured, metavar="DIR")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
