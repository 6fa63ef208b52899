"""Drawn trees in drawn formats: no correct pair is accused, and no changed bit is missed."""

import re
import subprocess
import sys
from pathlib import Path

ROUND_TRIPS = Path(__file__).with_name("round_trips.py")


def test_drawn_pairs_are_judged_right():
    """A few here, in a process that has several devices; two thousand are counted by hand."""
    command = [sys.executable, str(ROUND_TRIPS), "--examples", "60"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    pairs, _, divided, alarms, faults, missed = map(int, re.findall(r"\d+", printed))
    assert pairs >= 60
    assert divided > 2
    assert faults > 30
    assert alarms == missed == 0
