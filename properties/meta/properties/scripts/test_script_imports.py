"""A script imports what it uses and nothing else, as its reader's linter wants it."""

import subprocess
import sys

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.scripts.literals import move_arrays_in, move_arrays_out
from frostproof.reference.corpus.register import specimens
from frostproof.reference.subjects.loading import as_subject

pytest.importorskip("ruff")

#: Of each form: calls, watched calls, wrappers, trainers, gradients disturbed where they are taken,
#: special weights, checkpoints, and leaves in half precision.
LAWS = (
    "answer-norms-equal",
    "answer-xray-frozen",
    "frozen-special-weights",
    "frozen-under-overflow",
    "frozen-gradients-do-not-leak",
    "trainable-moves",
    "loss-is-mse",
    "copies-follow",
    "restored-equals-saved",
)


@pytest.fixture(scope="module")
def scripts():
    """The script of one faulty program for each law."""
    faulty = {fn.specimen.law: fn for fn in specimens()}
    return {law: script_of(faulty[law]) for law in LAWS}


def script_of(fn):
    law, subject = BY_ID[fn.specimen.law], as_subject(fn, fn.specimen.kind)
    effort = Effort(5 if law.over_the_run else 100, 0, shrinking=0)
    verdict = judge(law, subject, effort, CallCache(), fn.specimen.target)
    return verdict.reproduce


def in_files(script):
    """Let a script read its arrays from files, however small they are."""
    return move_arrays_out(script, lambda packed: "0123.bin")


def in_text(script):
    """Put the arrays back into the script."""
    return move_arrays_in(in_files(script), lambda name: "")


@pytest.mark.parametrize("form", [str, in_files, in_text])
def test_a_script_imports_what_it_uses(scripts, form, tmp_path):
    """No import is left over, and no name is undefined, wherever its arrays lie."""
    for law, script in scripts.items():
        (tmp_path / f"{law}.py").write_text(form(script))

    rules = ("--isolated", "--no-cache", "--select", "F401,F821", "--output-format", "concise")
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *rules, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "base64" in scripts["frozen-special-weights"], "no script has an array in its text"
