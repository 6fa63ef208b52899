"""Which subjects share a process: our own references, and no programs of others."""

import pytest

from frostproof.properties.processes.worker_client import Worker

WRAPPER = "import optax\n\ndef freeze(optimizer, mask):\n    return optax.chain(optimizer)\n"


@pytest.fixture(scope="module")
def worker():
    """A worker for all tests of this file."""
    with Worker(60.0) as worker:
        yield worker


def process_of(worker, target):
    """Load a target, and return the number of its process."""
    worker.load(target, "optax" if "wrapper" in target else None)
    return worker._process.pid


@pytest.mark.parametrize(
    "other",
    ["optax/selective-transform", "frostproof.reference.nnx:freeze_first_dense"],
    ids=["by an alias", "by a dotted name"],
)
def test_references_share_a_process(worker, other):
    """What one of them has compiled is compiled for all."""
    assert process_of(worker, "optax/partition") == process_of(worker, other)


def test_a_program_of_others_has_a_process_of_its_own(worker, tmp_path):
    """Before it, and after it, a reference runs in another one."""
    file = tmp_path / "wrapper.py"
    file.write_text(WRAPPER)
    targets = "optax/partition", f"{file}:freeze", "optax/partition"

    processes = [process_of(worker, target) for target in targets]

    assert len(set(processes)) == len(targets)
