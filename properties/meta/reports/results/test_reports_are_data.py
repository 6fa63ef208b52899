"""A report is data: nothing in one is evaluated, and `replay` imports what the user names alone."""

import json

import optax
import pytest

from frostproof.properties.engine.judge import refutation
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.subjects.loading import as_subject
from frostproof.reports.cli.main import main

EXERCISE = {"api": "linen", "seed": 0, "learning_rate": 1.0, "rows": 1, "features": 1}
EXERCISE |= {"outputs": 1, "regime": "ordinary", "fill": 0}
SGD = {"name": "sgd", "hyperparameters": {"learning_rate": 1.0}, "inner": None}
TREE = {"optimizer": SGD, "tree": "two leaves", "frozen": ["backbone"], "steps": 1, "fill": 0}


REPORT = {
    "schema": 1,
    "summary": {"ran": 1, "of": 1, "not_run": {}},
    "versions": {"frostproof": "0"},
    "profile": "ci",
    "seed": 0,
}


def recorded(target, text="it moved"):
    """Return the row of a counterexample, every text of which is the same."""
    return {
        "id": f"{target}::answer-shape",
        "subject": target,
        "law": "answer-shape",
        "guarantee": "computes",
        "promised": True,
        "verdict": "refuted",
        "examples": 1,
        "reason": text,
        "counterexample": {"law": text, "message": text, "problems": [EXERCISE], "facts": {}},
        "reproduce": text,
        "labels": {},
        "seconds": 0.0,
    }


@pytest.fixture
def bait(tmp_path, monkeypatch):
    """A folder to stand in, text that leaves a file there if it is evaluated, and that file."""
    monkeypatch.chdir(tmp_path)
    caught = tmp_path / "caught"
    return f"__import__('pathlib').Path({str(caught)!r}).touch()", caught


def optimizer(**changes):
    return {"optimizer": SGD | changes}


@pytest.mark.parametrize(
    "record",
    [
        lambda text: optimizer(name=f"sgd(1.0) if {text} else optax.sgd"),
        lambda text: optimizer(name=[text]),
        lambda text: optimizer(hyperparameters={"learning_rate": text}),
        lambda text: optimizer(hyperparameters={f"learning_rate={text} or 1.0, nesterov": 1}),
        lambda text: optimizer(hyperparameters={"learning_rate": float("nan")}),
        lambda text: optimizer(hyperparameters={"learning_rate": 10**400}),
        lambda text: optimizer(inner=text),
        lambda text: optimizer(source=text),
        lambda text: {"optimizer": text},
        lambda text: {"tree": text},
        lambda text: {"transformation": text},
    ],
)
def test_a_problem_is_read_and_not_run(record, bait):
    """What is not a number, and no name that is known, is refused."""
    text, caught = bait
    wrapper = as_subject(lambda optimizer, mask: optax.chain(optimizer, optax.freeze(mask)))

    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        refutation(BY_ID["frozen-value"], wrapper, [TREE | record(text)])

    assert refutation(BY_ID["frozen-value"], wrapper, [TREE]) is None
    assert not caught.exists()


def test_a_replay_imports_what_the_user_names(bait, capsys):
    """Not the subject that the report names, nor its script; and a strange problem is said so."""
    text, caught = bait
    (caught.parent / "evil.py").write_text(f"import flax.linen\n{text}\ndef fn(s, x, y, r): ...")
    (caught.parent / "own.py").write_text(
        "import flax.linen\ndef fn(seed, x, y, lr): return [1.0, 2.0, 2.0]"
    )
    row = recorded("evil.py:fn", text)
    strange = {"counterexample": row["counterexample"] | {"problems": [EXERCISE | {"rows": text}]}}
    path = caught.parent / "report.json"

    path.write_text(json.dumps(REPORT | {"verdicts": [row]}))
    replayed = main(["replay", str(path), "--target", "own.py:fn"])
    printed = capsys.readouterr().out
    path.write_text(json.dumps(REPORT | {"verdicts": [row | strange]}))
    refused = main(["replay", str(path), "--target", "own.py:fn"])

    assert (replayed, refused) == (0, 2)
    assert "fixed  evil.py:fn::answer-shape" in printed
    assert "the counterexample cannot be read" in capsys.readouterr().err
    assert not caught.exists()


def test_a_replay_without_a_target_imports_from_the_current_folder_alone(bait, capsys, tmp_path):
    """The author of a report chooses no code outside of where the user stands."""
    text, caught = bait
    outside = tmp_path.parent / f"{tmp_path.name}_elsewhere.py"
    outside.write_text(f"import flax.linen\n{text}\ndef fn(seed, x, y, lr): ...")
    for target in (str(outside), "this", f"../{outside.name}"):
        path = caught.parent / "report.json"
        path.write_text(json.dumps(REPORT | {"verdicts": [recorded(f"{target}:fn")]}))

        assert main(["replay", str(path)]) == 2
        assert "the report names this target, which is not in the cur" in capsys.readouterr().err
    assert not caught.exists()


def test_a_replay_finds_its_targets(bait, capsys):
    """Each counterexample runs on the program that it was found in."""
    _, caught = bait
    for name, answer in (("sound.py", 2.0), ("wrong.py", "0")):
        (caught.parent / name).write_text(
            f"import flax.linen\ndef fn(seed, x, y, lr): return [1.0, 2.0, {answer!r}]"
        )
    rows = [recorded("sound.py:fn"), recorded("wrong.py:fn")]
    path = caught.parent / "report.json"
    path.write_text(json.dumps(REPORT | {"verdicts": rows}))

    assert main(["replay", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "fixed  sound.py:fn::answer-shape" in printed
    assert "failed wrong.py:fn::answer-shape" in printed


@pytest.mark.parametrize(
    ("fields", "status", "marked"),
    [
        ({"promised": True}, 1, "answer-shape\n"),
        ({"promised": False}, 0, "answer-shape  beyond the promise\n"),
        ({"promised": True, "expected": "issue 12"}, 0, "answer-shape  as expected\n"),
    ],
)
def test_what_fails_nothing_in_a_run_fails_nothing_in_a_replay(
    bait, capsys, fields, status, marked
):
    """What is beyond the promise, or known to fail, is marked."""
    _, caught = bait
    code = "import flax.linen\ndef fn(seed, x, y, lr): return [1.0, 2.0, '0']"
    (caught.parent / "wrong.py").write_text(code)
    row = recorded("wrong.py:fn") | {"verdict": "refuted"} | fields
    path = caught.parent / "report.json"
    path.write_text(json.dumps(REPORT | {"verdicts": [row]}))

    assert main(["replay", str(path)]) == status
    assert f"failed wrong.py:fn::{marked}" in capsys.readouterr().out
