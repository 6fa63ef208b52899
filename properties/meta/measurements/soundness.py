"""The soundness run: correct programs judged at length; whatever is refuted is a false alarm.

    cd properties/meta/measurements && python soundness.py --resume measured/soundness.jsonl

The references are held to what they promise by 2,000 examples a law, the accepted programs by a
twentieth of that: more than a million in all. Every verdict is written as it is reached, and a run
that was cut off goes on where it stopped. At the end the folder `--output` holds `soundness.md`.
Ends with status 1 if any law accused a program that is known to be correct.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.meta.measurements.soundness_figures import write_figures
from frostproof.properties.plan.checks import Check, plan_checks
from frostproof.properties.plan.run_settings import RunSettings
from frostproof.properties.processes.judging import Judging
from frostproof.reference.corpus.register import accepted_programs
from frostproof.reference.subjects.targets import REFERENCES
from frostproof.reports.results.row import FAILING, Row

HERE = Path(__file__).parent


def main() -> int:
    """Judge every correct program that is not in the file yet, and say what was accused."""
    options = parse_options()
    done = {row["id"]: row for row in rows_of(options.resume)}
    most = options.max_examples
    programs = [(name, None, most) for name in REFERENCES]
    programs += [(*each, max(1, most // 20)) for each in accepted_programs()]
    globs = options.programs or ["*"]
    programs = [each for each in programs if any(fnmatchcase(each[0], glob) for glob in globs)]
    started, finished, lock = time.monotonic(), 0, threading.Lock()

    def judge_program(program: tuple[str, str | None, int]) -> None:
        nonlocal finished
        name, kind, examples = program
        settings = RunSettings.of(max_examples=examples, seed=options.seed, timeout=options.timeout)
        with Judging(settings) as judge, going_on(options.resume) as file:
            items, _ = plan_checks([judge.subject(name, kind)])
            # What else a program keeps or breaks is not an accusation.
            for item in side_by_side(item for item in items if item.promised):
                if item.id in done:
                    continue
                if name in REFERENCES:  # held to as many problems by a slow law as by the others
                    in_full = round(examples / item.law.share)
                    judge.settings = replace(
                        settings, max_examples=in_full, reference_examples=in_full
                    )
                row = brief(Row.of(item, judge(item)))
                with lock:
                    done[row["id"]] = row
                    print(json.dumps(row), file=file, flush=True)
                    if row["verdict"] in FAILING:
                        print(f"FALSE ALARM {row['id']}: {row['reason']}", flush=True)
        with lock:
            finished += 1
            spent = time.monotonic() - started
            left = spent / finished * (len(programs) - finished)
            seen = sum(row["examples"] for row in done.values())
            print(
                f"{finished}/{len(programs)} programs, {seen} examples, {spent:.0f} s, "
                f"about {left:.0f} s to go",
                flush=True,
            )

    with ThreadPoolExecutor(options.processes) as pool:  # each waits for its own process
        list(pool.map(judge_program, programs))
    write_figures(options.output, list(done.values()))
    accused = [row for row in done.values() if row["verdict"] in FAILING]
    print(f"{len(done)} verdicts, {len(accused)} false alarms")
    return 1 if accused else 0


def side_by_side(items: Iterable[Check]) -> list[Check]:
    """Put laws that draw the same problems next to each other: at 2,000 examples a law the calls
    that they share would be forgotten before the next of them comes.
    """
    items = list(items)
    draws = [item.law.draws for item in items]
    return sorted(items, key=lambda item: draws.index(item.law.draws))


def brief(row: Row) -> dict[str, Any]:
    """Return of a verdict what the figures need, and of a false alarm all there is to explain."""
    if row.verdict in FAILING:
        return asdict(row)
    kept = ("id", "subject", "law", "verdict", "examples", "reason", "seconds")
    return {name: value for name, value in asdict(row).items() if name in kept}


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("programs", nargs="*", metavar="GLOB", help="only targets that match")
    parser.add_argument("--max-examples", type=int, default=2000, metavar="N")
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, default=HERE / "measured", metavar="DIR")
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=14400.0, help="seconds a law may take")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
