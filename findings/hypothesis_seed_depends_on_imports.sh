#!/usr/bin/env bash
# Hypothesis 6.170.17: with one seed, an import of an unrelated module changes what is drawn.
#
# Expected: `@seed(1)` without a database draws the same examples again, as its documentation says of
# the same code and release. Two runs of one test in one process do.
#
# What happens: Hypothesis collects the numbers and strings that are written in local modules, of all
# that have been imported by the time of the drawing, and draws one of them now and then. Another
# module of the project that is imported meanwhile, by a test that ran before or by a lazy import,
# shifts all that is drawn from there on, although the test has nothing to do with it. A module in
# site-packages does not count, so that an editable installation draws other examples than a wheel.
#
# For a freeze: two workers of a test suite that have imported different modules judge other seeds,
# rates and batches under one seed. Record the examples of a failure themselves, not the seed alone.

packages=(hypothesis==6.170.17)

program=$(cat <<'PYTHON'
import sys
from pathlib import Path

from hypothesis import given, seed, settings
from hypothesis import strategies as st


def drawn():
    found = []

    @seed(1)
    @settings(database=None, max_examples=200)
    @given(st.integers(0, 10**6))
    def draw(number):
        found.append(number)

    draw()
    return found


# Computed, since what is written here would be drawn from the start.
limits = tuple(97 * 97 * 97 - 89 * 89 * number for number in range(12))
folder = Path("elsewhere")
folder.mkdir()
(folder / "billing.py").write_text(f"LIMITS = {limits}\n")
sys.path.insert(0, str(folder))

first, again = drawn(), drawn()
import billing  # noqa: E402

after = drawn()
print("drawn twice:", "the same" if first == again else "others")
print("after an import of numbers alone:", "the same" if first == after else "others")
print("numbers of that module before and after:", *(bool({*each} & {*limits}) for each in (first, after)))
PYTHON
)

expected=$(cat <<'TEXT'
drawn twice: the same
after an import of numbers alone: others
numbers of that module before and after: False True
TEXT
)

. "$(dirname "$0")/judge.bash"
