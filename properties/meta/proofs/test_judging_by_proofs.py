"""What a proof spares: a proved law is sampled a little, and no law fails by the prover."""

import pytest

from frostproof import OptaxFreeze, verify
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.proofs import judging
from frostproof.properties.proofs.provable import CHECKED, PROVABLE
from frostproof.reference.correct.wrappers import partition_with_set_to_zero as partition
from frostproof.reports.cli.main import main

LAWS = ("frozen-value", "frozen-any-learning-rate", "frozen-structure")


def outcomes(subject, **settings):
    report = verify(subject, laws=LAWS, max_examples=3 * CHECKED, seed=1, **settings)
    return {row.law: row for row in report.rows}


def test_a_proved_law_is_sampled_a_little():
    """As a check of the compiler; what cannot be proved is sampled as ever."""
    proved, sampled = outcomes(partition), outcomes(partition, proofs=False)

    assert [row.verdict for row in proved.values()] == ["proved", "proved", "held"]
    assert [row.verdict for row in sampled.values()] == ["held"] * len(LAWS)
    assert proved["frozen-value"].examples == CHECKED < sampled["frozen-value"].examples
    assert proved["frozen-structure"].examples == sampled["frozen-structure"].examples
    assert proved["frozen-value"].reason.startswith("for every input, if")


def test_a_prover_that_raises_costs_a_proof_and_no_verdict(monkeypatch):
    """Sampling goes on as if nobody had asked."""

    def raises(subject):
        raise RecursionError

    monkeypatch.setattr(judging, "prove_promised", raises)
    monkeypatch.setattr(judging, "_known", {})

    assert [row.verdict for row in outcomes(partition).values()] == ["held"] * len(LAWS)
    assert "the prover raised" in judging.standing_of(partition).not_traced


def test_a_refuted_law_asks_for_no_proof(monkeypatch):
    """To trace a program under each optimizer takes longer than to see it fail."""
    asked = []
    monkeypatch.setattr(judging, "proved_laws", lambda subject: asked.append(subject) or {})

    refuted = verify(OptaxFreeze(lambda tx, mask: tx), laws=["frozen-value"], seed=1)
    assert [row.verdict for row in refuted.rows] == ["refuted"]
    assert not asked
    held = verify(partition, laws=["frozen-value"], max_examples=3 * CHECKED, seed=1)
    assert [row.examples > CHECKED for row in held.rows] == [True]
    assert len(asked) == 1


def test_what_refutes_comes_with_its_equation():
    """The gradient is handed on, which the step shows without an example."""
    report = verify(
        OptaxFreeze(lambda tx, mask: tx), laws=["frozen-value"], max_examples=CHECKED, seed=1
    )

    (row,) = report.rows
    assert row.verdict == "refuted"
    # The leaf is that of the problem, and none of a tree of the prover's own.
    assert row.counterexample["facts"]["equation"] == "backbone is moved by its own gradient"


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("optax/partition", 0, "proved      frozen-value"),
        ("code.py:leaking", 1, "not proved  frozen-value"),
        ("exercise/linen", 2, "not traced  it is an exercise"),
    ],
)
def test_the_command_says_what_is_proved(target, status, said, tmp_path, monkeypatch, capsys):
    """And by `--explain` which equation is in the way of the rest."""
    (tmp_path / "code.py").write_text("def leaking(optimizer, mask):\n    return optimizer\n")
    monkeypatch.chdir(tmp_path)

    assert main(["prove", target, "--explain"]) == status

    printed = capsys.readouterr().out
    assert said in printed
    # What is in the way of several laws is said once.
    assert printed.count("is moved by its own gradient\n") == (status == 1)
    assert ("on the tree 'two layers'" in printed) == (status < 2)


def test_a_target_that_cannot_be_loaded_takes_no_proof_with_it(capsys):
    """It is named at the end, as after `verify`."""
    assert main(["prove", "none.py:fn", "optax/partition"]) == 2

    printed = capsys.readouterr()
    assert "proved" in printed.out
    assert printed.err.startswith("frostproof: none.py:fn: ")
    assert printed.err.count("\n") == 1


def test_verify_without_proofs_proves_nothing(tmp_path, monkeypatch, capsys):
    """`--no-proofs` samples all; else the line of a subject counts what is proved."""
    monkeypatch.chdir(tmp_path)
    asked = ("verify", "optax/partition", "--laws", "frozen-value", "--max-examples", "2")

    assert main([*asked, "--seed", "1"]) == 0
    assert "1 law, 1 of them proved, 2 examples" in capsys.readouterr().out
    assert main([*asked, "--seed", "1", "--no-proofs"]) == 0
    assert "1 law, 2 examples" in capsys.readouterr().out


def test_the_laws_of_the_book_that_can_be_proved_are_there():
    """No proof is looked for of a law that has another name by now."""
    assert set(PROVABLE) <= BY_ID.keys()
