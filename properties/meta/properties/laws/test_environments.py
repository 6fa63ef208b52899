"""Under other settings of JAX the correct are accepted and the faulty refuted: x64, devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPREAD = "accepted/sharded/spread-over-devices"
DECAYED = "frostproof.reference.corpus.accepted.trainers.sharded:_decayed_over_devices"
#: Laws that look at parameters and losses, replay gradients and put weights in place.
LAWS = ("frozen-value", "loss-is-mse", "trains-as-if-alone", "frozen-special-weights")


def judged(settings, *subjects):
    """Return the outcomes of subjects, each with its laws, in a process with these settings."""
    words = [word for subject in subjects for word in ("--", *subject)]
    run = subprocess.run(
        [sys.executable, Path(__file__).parents[2] / "judged_elsewhere.py", *words],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def on_four_devices():
    """A correct trainer that is spread over four devices, and its faulty twin."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    correct, faulty = (SPREAD, "trainer", *LAWS), (DECAYED, "trainer", "frozen-value")
    return judged(flags, correct, faulty)


def test_parameters_over_several_devices(on_four_devices):
    """They are looked at, put in place where they were, replayed and restored like any others."""
    assert on_four_devices["devices"] == 4
    assert on_four_devices[SPREAD] == {law: ["held", None] for law in LAWS}
    ((outcome, reason),) = on_four_devices[DECAYED].values()
    assert outcome == "refuted"
    assert "frozen leaf changed" in reason
    assert "adamw" in reason


def test_in_double_precision():
    """Exercises, wrappers and trainers are judged as before where `jax_enable_x64` is on."""
    correct = (
        ("frostproof.reference.linen:freeze_first_dense", "linen", "answer-loss-is-mse"),
        ("frostproof.reference.nnx:freeze_first_dense", "nnx", "answer-norms-equal"),
        ("accepted/partitions/partition", "optax", "trainable-follows-oracle"),
        ("accepted/linen-steps/multi-transform", "trainer", *LAWS[:3]),
        ("accepted/own-models/tokens-and-mask", "trainer", "loss-is-mse"),
    )
    faulty = (
        ("specimen/losses/half-the-mse", "linen", "answer-loss-is-mse"),
        (
            "specimen/foreign-models/decay-of-zeroed-gradients",
            "trainer",
            "frozen-value",
        ),
    )

    found = judged({"JAX_ENABLE_X64": "1"}, *correct, *faulty)

    assert found["x64"]
    outcomes = {target: {o for o, _ in found[target].values()} for target, *_ in correct}
    assert outcomes == {target: {"held"} for target in outcomes}, found
    assert [o for target, *_ in faulty for o, _ in found[target].values()] == ["refuted"] * 2
