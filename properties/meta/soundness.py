"""The soundness run: correct programs judged at length; whatever is refuted is a false alarm.

    python properties/meta/soundness.py --resume soundness.jsonl

References and accepted programs are held to what they promise: some 4,000 verdicts, which at 250
examples each make a million. Every verdict is written as it is reached, and a run that was cut off
goes on where it stopped. Ends with status 1 if any law accused a program that is known to be
correct.
"""

import argparse
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from frostproof.properties.agenda import agenda
from frostproof.properties.judging import Judging
from frostproof.properties.meta.resumed import rows_of
from frostproof.properties.terms import Terms
from frostproof.reference.accepted import EXERCISES, TRAINERS
from frostproof.reports.report import FAILING, Row
from frostproof.reports.verification import REFERENCES


def main() -> int:
    """Judge every correct program that is not in the file yet, and say what was accused."""
    options = parse_options()
    done = {row["id"]: row for row in rows_of(options.resume)}
    programs = [*((name, None) for name in REFERENCES), *EXERCISES, *TRAINERS]
    globs = options.programs or ["*"]
    programs = [p for p in programs if any(fnmatchcase(p[0], glob) for glob in globs)]
    terms = Terms.of(max_examples=options.max_examples, seed=options.seed, timeout=options.timeout)
    started, finished, lock = time.monotonic(), 0, threading.Lock()

    def judge_program(program: tuple[str, str | None]) -> None:
        nonlocal finished
        with Judging(terms) as judge, options.resume.open("a", encoding="utf-8") as file:
            items, _ = agenda([judge.subject(*program)])
            # What else a program keeps or breaks is no accusation.
            for item in (item for item in items if item.promised and item.id not in done):
                row = Row.of(item, judge(item))
                with lock:
                    done[row.id] = asdict(row)
                    print(json.dumps(done[row.id]), file=file, flush=True)
                    if row.verdict in FAILING:
                        print(f"FALSE ALARM {row.id}: {row.reason}", flush=True)
        with lock:
            finished += 1
            spent = time.monotonic() - started
            left = spent / finished * (len(programs) - finished)
            examples = sum(row["examples"] for row in done.values())
            print(
                f"{finished}/{len(programs)} programs, {examples} examples, {spent:.0f} s, "
                f"about {left:.0f} s to go",
                flush=True,
            )

    with ThreadPoolExecutor(options.processes) as pool:  # each waits for a process of its own
        list(pool.map(judge_program, programs))
    accused = [row for row in done.values() if row["verdict"] in FAILING]
    print(f"{len(done)} verdicts, {len(accused)} false alarms")
    return 1 if accused else 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("programs", nargs="*", metavar="GLOB", help="only targets that match")
    parser.add_argument("--max-examples", type=int, default=250, metavar="N")
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds a law may take")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
