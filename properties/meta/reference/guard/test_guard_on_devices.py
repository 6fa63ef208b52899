"""The guard where leaves lie on several devices, and in several processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def started(program, devices, *arguments):
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *map(str, arguments)],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    try:
        printed, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, printed + errors
    return printed.splitlines()


def test_on_four_devices():
    """A leaf has one fingerprint in every sharding, and only folded words leave a device."""
    assert ended(started("sharded_leaves.py", 4)) == ["all ways agree on 4 devices"]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_two_processes_say_the_same(port, tmp_path):
    """What one of them sees both raise, of leaves that they share and of each one's own."""
    files = [tmp_path / str(number) for number in range(2)]
    processes = [
        started("two_processes.py", 2, port, number, file) for number, file in enumerate(files)
    ]

    for process in processes:
        ended(process)

    first, second = (file.read_text().splitlines() for file in files)

    assert first == second
    assert first == [
        "start kept",
        "other sharding kept",
        "spread spread: moved",
        "token of spread spread: moved",
        "everywhere everywhere: moved",
        "token of everywhere everywhere: moved",
        "own own: moved",
        (
            "0 of 3 frozen leaves kept; checks: 5; frozen, but moved: everywhere, own, spread; "
            "trainable, but not moved since the start: head"
        ),
    ]
