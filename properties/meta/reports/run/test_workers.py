"""Several processes judge what is given by name."""

import threading
from types import SimpleNamespace

import psutil
import pytest

from frostproof import verify
from frostproof.properties.processes.fork_server import ADDRESS
from frostproof.properties.processes.judging import Judging
from frostproof.reports.run.listener import Listener
from frostproof.reports.run.parallel import fitting_processes

CODE = """
import frostproof, jax, optax

def freeze(optimizer, mask):
    return optax.masked(optimizer, jax.tree.map(lambda frozen: not frozen, mask))
"""
TARGET = "wrapper.py:freeze"
LAWS = ["frozen-norm", "frozen-value", "frozen-under-overflow", "trainable-moves", "repeatable"]
FEW = {"laws": LAWS, "max_examples": 5, "seed": 1, "kind": "optax"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a wrapper that has a fault."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "wrapper.py").write_text(CODE)
    return folder


@pytest.fixture
def target(folder, monkeypatch):
    """The name of the wrapper, seen from its folder."""
    monkeypatch.chdir(folder)
    return TARGET


@pytest.fixture(scope="module")
def expected(folder):
    """What the process that was asked finds by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return found(verify(TARGET, "optax/partition", **FEW))


def found(report):
    """Return what a run found, without its seconds."""
    return {row.id: (row.verdict, row.examples, row.reason) for row in report.rows}


def threads():
    """Return the threads that wait for a process."""
    return [each for each in threading.enumerate() if "tell" in each.name]


@pytest.mark.parametrize("workers", ["1", 2, 3, "auto"])
def test_the_number_of_processes_changes_no_verdict(target, expected, workers):
    """Nor the examples that it rests on: a subject is judged by the same problems anywhere."""
    assert found(verify(target, "optax/partition", workers=workers, **FEW)) == expected
    assert [verdict for verdict, *_ in expected.values()].count("refuted") == 3


def test_a_subject_goes_to_several_processes(target, monkeypatch):
    """If it dies or hangs at once, all of them know as soon as one does."""
    judged, dead = {}, []
    call = Judging.__call__

    def watched(self, item, progress):
        judged.setdefault(id(self), []).append(item.law.id)
        dead.append(self.dead)
        return call(self, item, progress)

    monkeypatch.setattr(Judging, "__call__", watched)
    verify(target, workers=2, **FEW)

    assert len(judged) == 2
    assert all(each is dead[0] for each in dead)
    assert sorted(law for laws in judged.values() for law in laws) == sorted(LAWS)


@pytest.mark.parametrize("workers", [2, "auto"])
def test_the_process_that_tried_a_target_judges_it(workers, tmp_path, monkeypatch):
    """It has loaded it, and compiled its first examples: only the other process does so anew."""
    monkeypatch.chdir(tmp_path)
    noting = "import os\nwith open('loads', 'a') as file:\n    print(os.getpid(), file=file)\n"
    (tmp_path / "wrapper.py").write_text(noting + CODE)
    monkeypatch.setattr("frostproof.reports.run.verify.fitting_processes", lambda: 2)

    verify(TARGET, workers=workers, **FEW)

    assert len((tmp_path / "loads").read_text().split()) == 2


def test_who_interrupts_a_run_keeps_what_it_found_and_leaves_no_process(
    target, tmp_path, monkeypatch
):
    """As by Ctrl-C: the report holds the verdicts until then, and no other law is begun."""
    monkeypatch.delenv(ADDRESS, raising=False)  # it launches its own server
    before = psutil.Process().children(recursive=True)
    begun, call, whole_book = [], Judging.__call__, FEW | {"laws": ["*"]}
    monkeypatch.setattr(
        Judging, "__call__", lambda self, *given: (begun.append(given), call(self, *given))[1]
    )

    class Impatient(Listener):
        def on_row(self, row):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(target, workers=2, report=tmp_path / "out", listener=Impatient(), **whole_book)

    assert not threads()
    assert len(begun) < 12  # of more than twenty
    left = psutil.Process().children(recursive=True)
    assert not [each for each in left if each not in before and each.is_running()]
    assert (tmp_path / "out" / "report.json").exists()


def test_what_goes_wrong_in_a_thread_ends_the_run(target, monkeypatch):
    """A fault of our own is raised where the run was asked for."""

    def broken(self, item, progress):
        raise RuntimeError("no process starts")

    monkeypatch.setattr(Judging, "__call__", broken)

    with pytest.raises(RuntimeError, match="no process starts"):
        verify(target, workers=2, **FEW)
    assert not threads()


def test_one_process_judges_where_all_would_share_an_accelerator(target, monkeypatch):
    """Each would take three quarters of its memory."""
    monkeypatch.setattr(Judging, "device", lambda self: "gpu (a large one)")
    monkeypatch.setattr("frostproof.reports.run.verify.fitting_processes", lambda: 4)
    used = set()
    call = Judging.__call__
    monkeypatch.setattr(
        Judging, "__call__", lambda self, *given: (used.add(id(self)), call(self, *given))[1]
    )

    verify(target, workers="auto", **FEW)

    assert len(used) == 1


@pytest.mark.parametrize(("gigabytes", "most"), [(0.1, 1), (5, 2), (1000, 3)])
def test_no_more_processes_than_memory_has_room_for(monkeypatch, gigabytes, most):
    """Nor than there are processors; and one at least."""
    memory = SimpleNamespace(available=int(gigabytes * 2**30))
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)

    assert fitting_processes() == most
