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
    """What is no number, and no name that is known, is refused."""
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
    row = {
        "id": "evil.py:fn::answer-shape",
        "subject": "evil.py:fn",
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
    strange = {"counterexample": row["counterexample"] | {"problems": [EXERCISE | {"rows": text}]}}
    report = {
        "schema": 1,
        "verdicts": [row],
        "summary": {"ran": 1, "of": 1, "not_run": {}},
        "versions": {"frostproof": "0"},
        "profile": "ci",
        "seed": 0,
    }
    path = caught.parent / "report.json"

    path.write_text(json.dumps(report))
    replayed = main(["replay", str(path), "--target", "own.py:fn"])
    printed = capsys.readouterr().out
    path.write_text(json.dumps(report | {"verdicts": [row | strange]}))
    refused = main(["replay", str(path), "--target", "own.py:fn"])

    assert (replayed, refused) == (0, 2)
    assert "fixed  evil.py:fn::answer-shape" in printed
    assert "the counterexample cannot be read" in capsys.readouterr().err
    assert not caught.exists()
