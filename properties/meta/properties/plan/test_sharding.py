"""Shards: each law on each subject in exactly one, by what all machines and Pythons agree on."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.properties.plan.sharding import Shard, missing
from frostproof.reference.subjects.capability import Capability

CHECKS, _ = plan_checks(
    NamedSubject(f"code.py:{name}", "optax", capabilities=frozenset({Capability.WRAPPER}))
    for name in ("f", "g", "h")
)
IDS = [check.id for check in CHECKS]
seconds = st.dictionaries(st.sampled_from([*IDS, "gone.py:f::frozen-value"]), st.floats(0, 1e3))


@given(of=st.integers(1, 9), seconds=seconds)
def test_every_check_is_in_one_shard(of, seconds):
    """With and without the seconds of an earlier run, which may know more or less."""
    shards = [Shard(index, of).split(CHECKS, seconds) for index in range(1, of + 1)]

    assert sorted(check.id for ours, _ in shards for check in ours) == sorted(IDS)
    assert all(len(ours) + len(others) == len(CHECKS) for ours, others in shards)


@given(of=st.integers(1, 9), seconds=seconds, kept=st.sets(st.sampled_from(IDS)))
def test_a_check_has_its_shard_whatever_else_is_judged(of, seconds, kept):
    """By `--laws`, or in a run of fewer subjects."""
    fewer = [check for check in CHECKS if check.id in kept]

    ours, _ = Shard(1, of).split(CHECKS, seconds)
    ours_of_fewer, _ = Shard(1, of).split(fewer, seconds)

    assert [check.id for check in ours_of_fewer] == [c.id for c in ours if c.id in kept]


def test_another_process_agrees():
    """Python's own hash of a string differs from process to process."""
    program = (
        "from frostproof.properties.plan.sharding import _hashed\n"
        f"print([_hashed(id, 4) for id in {IDS!r}])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.stdout.strip() == str(
        [next(n for n in range(1, 5) if c in Shard(n, 4).split(CHECKS, {})[0]) for c in CHECKS]
    )


def test_seconds_balance_the_shards():
    """A long one is alone in its shard, where a hash would put others beside it."""
    seconds = dict.fromkeys(IDS, 1.0) | {IDS[0]: float(len(IDS))}

    loads = [
        sum(seconds[check.id] for check in Shard(index, 2).split(CHECKS, seconds)[0])
        for index in (1, 2)
    ]

    assert abs(loads[0] - loads[1]) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "1/4/2", "-1/4", ""])
def test_what_is_no_shard_is_said(text):
    with pytest.raises(ValueError, match="--shard must be I/N with I from 1 to N, got"):
        Shard.parse(text)


def test_missing_shards_are_found():
    assert missing([Shard(2, 3), Shard(2, 3)]) == [Shard(1, 3), Shard(3, 3)]
    assert missing([Shard(1, 1)]) == []
