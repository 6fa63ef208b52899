"""How much faster two hosts of one processor each are than one, at the same laws, over ssh.

    python properties/meta/reports/pytest_plugin/host_speed.py [--repeats 3]

As root. The hosts are network namespaces of this machine (see `.ci/hosts` for what they need), each
pinned to its own processor. One host and both run in turns; all verdicts have to be the same.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from frostproof.properties.meta.reports.pytest_plugin import hosts
from frostproof.reports.results.reading import read_report

SUBJECTS = (
    "linen/gradient-zeroing",
    "linen/stop-gradient",
    "linen/trainable-subset",
    "linen/multi-transform",
)


def judge(there, folder, report):
    """Run all laws on hosts, and return the seconds that takes and what was found."""
    places = [word for host in there for word in ("--tx", host.place)]
    subjects = [word for name in SUBJECTS for word in ("--subject", name)]
    started = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--dist", "load", *places, *subjects, f"--report={report}"),
        ],
        cwd=folder,
        env=os.environ | {"FROSTPROOF_PROFILE": "ci"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return seconds, {row.id: (row.verdict, row.examples) for row in read_report(report).rows}


def main():
    """Measure in turns, and print medians, spreads and the ratio."""
    parser = argparse.ArgumentParser(description="Measure two hosts; see the module's first lines.")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    repeats = parser.parse_args().repeats
    if hosts.MISSING:
        sys.exit(f"{hosts.MISSING}, to make hosts of this machine")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = folder / "project"
        project.mkdir()
        # As many as take two minutes: starting a host and reading the suite is no work to share.
        (project / "pyproject.toml").write_text("[tool.frostproof]\nmax-examples = 50\n")
        took, found = {1: [], 2: []}, []
        with hosts.network(folder, (0, 1)) as both:
            for host in both:
                host.synchronise(project / "pyproject.toml")
            judge(both, project, folder / "first")  # compiles what both then read
            for turn in range(repeats):
                for number in (1, 2):
                    report = folder / f"report-{turn}-{number}"
                    seconds, verdicts = judge(both[:number], project, report)
                    took[number].append(seconds)
                    found.append(verdicts)
    for number, seconds in took.items():
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        print(f"hosts: {number}   {statistics.median(seconds):6.1f} s   ({spread})")
    print(f"ratio: {statistics.median(took[1]) / statistics.median(took[2]):.2f}")
    same = all(each == found[0] for each in found)
    print(f"verdicts: {len(found[0])}, " + ("all the same" if same else "not all the same"))


if __name__ == "__main__":
    main()
