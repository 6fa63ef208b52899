"""Large arrays lie in files: no text of a report, and no script, holds them."""

import subprocess
import sys

import pytest

from frostproof.reports.cli.main import main
from frostproof.reports.formats.wording import explain
from frostproof.reports.results.array_files import SCRIPTS
from frostproof.reports.results.reading import read_report
from frostproof.reports.run.scripts import without_large_arrays

PROGRAM = """\
import collections

import frostproof
import jax
import jax.numpy as jnp
import numpy as np
import optax
from hypothesis import strategies as st

State = collections.namedtuple("State", "params opt_state tx")


def spectra(n):
    noise = np.random.default_rng(n).normal(size=(16, 257)).astype(np.float32)
    return {"power": noise, "target": noise[:, :1]}


def create(seed, batch, optimizer):
    key = jax.random.key(seed)
    params = {"base": jax.random.normal(key, (257, 3)), "head": jnp.ones((3, 1))}
    return State(params, optimizer.init(params), optimizer)


def loss_of(params, batch):
    return jnp.mean((batch["power"] @ params["base"] @ params["head"] - batch["target"]) ** 2)


def train_step(state, batch):
    loss, grads = jax.value_and_grad(loss_of)(state.params, batch)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state._replace(params=params, opt_state=opt_state), loss


trainer = frostproof.LinenTrainer(
    create,
    train_step,
    frozen=("base",),
    batches=st.integers(0, 9).map(spectra),
    with_params=lambda state, params: state._replace(params=params),
    optimizers=frostproof.Optimizers("sgd"),
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report on a program whose batch has 4,112 numbers."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "spectra.py").write_text(PROGRAM)
    target = [str(folder / "spectra.py:trainer"), "--seed", "1", "--max-examples", "4"]
    assert main(["verify", *target, "--laws", "frozen-value", "--report", str(folder)]) == 1
    return folder


def test_no_text_holds_a_large_array(folder, capsys):
    """Below 100 lines and 10 kB per law, and no line of a page is longer than a few sentences."""
    for name in ("report.json", "report.md", "junit.xml"):
        assert (folder / name).stat().st_size < 10_000, name
    page = (folder / "report.html").read_text()
    assert max(map(len, page.splitlines())) < 2_000
    assert "float32[16, 257] from " in page
    assert "float32[16, 257] from " in (folder / "junit.xml").read_text()


def test_the_script_fails_with_the_arrays_beside_it(folder):
    """As it is, from any folder."""
    (script,) = (folder / SCRIPTS).glob("*.py")
    assert script.stat().st_size < 10_000

    ended = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd="/", check=False
    )

    assert ended.returncode == 1
    assert "AssertionError: base: frozen leaf changed" in ended.stderr


def test_a_report_is_read_with_its_arrays(folder, tmp_path, monkeypatch, capsys):
    """For `merge` and `replay`, from wherever the folder lies now; a test prints no array."""
    (row,) = read_report(folder).rows
    (batch,) = row.counterexample["problems"][0]["batches"]
    assert len(batch["mapping"]["power"]["packed"]) > 10_000
    assert "b64decode" in row.reproduce

    assert main(["merge", str(folder), "-o", str(tmp_path / "whole")]) == 0
    moved = tmp_path / "moved"
    (tmp_path / "whole").rename(moved)
    assert read_report(moved).rows == [row]
    assert main(["replay", str(moved), "--target", row.subject]) == 1
    assert "frozen leaf changed at step" in capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    assert len(explain(without_large_arrays(row))) < 10_000


def test_an_array_that_is_gone_is_named(folder, tmp_path, capsys):
    """A report without its scripts is still a report, which `replay` cannot run."""
    (tmp_path / "report.json").write_bytes((folder / "report.json").read_bytes())

    (row,) = read_report(tmp_path).rows
    assert main(["replay", str(tmp_path), "--target", row.subject]) == 2
    assert "its batch is not beside the report any more" in capsys.readouterr().err
