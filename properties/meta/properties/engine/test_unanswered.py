"""A subject that gives no answer: the law about that says so, or else whichever law is judged."""

import jax
import numpy as np
import optax
import pytest

from frostproof import Exercise, LinenTrainer, OptaxFreeze, verify
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge, refutation
from frostproof.properties.engine.tally import SILENT
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import REPORTING
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.properties.proofs.provable import CHECKED
from frostproof.reference.corpus.specimens.wrappers.transformations import no_moments

ALONE = Effort(30, 0, reported=False)


def refuses(optimizer, mask):
    """Freezes nothing, and says why."""
    raise RuntimeError("no layer is called encoder")


def refuses_odd_weights(optimizer, mask):
    """Freezes as it should, and takes only weights such as an initialisation draws."""

    def update(updates, state, params):
        sizes = [np.abs(np.asarray(leaf, np.float32)) for leaf in jax.tree.leaves(params)]
        if any(((size < 1e-30) | (size > 1e30)).any() for size in sizes):
            raise FloatingPointError("a weight is out of range")
        return freeze.update(updates, state, params)

    freeze = optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))
    return optax.GradientTransformation(freeze.init, update)


def judged(law, subject, effort=ALONE):
    return judge(BY_ID[law], subject, effort, CallCache(), "own")


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves", "freeze-twice"])
def test_a_law_that_is_judged_alone_reports_it(law):
    """The verdict is that of the law about it: with the exception, a problem and a script."""
    verdict = judged(law, OptaxFreeze(refuses))

    assert verdict.outcome == "error"
    assert verdict.reason == "the wrapper raised RuntimeError: no layer is called encoder"
    assert verdict.counterexample.law == BY_ID["training-runs"].statement
    assert verdict.counterexample.problems
    assert "no layer is called encoder" in verdict.reproduce


def test_an_exercise_is_no_other():
    """A call that raises is reported by a law on norms, where none is about the answer."""
    verdict = judged("answer-norms-equal", Exercise(lambda seed, x, y, lr: {}["loss"], api="linen"))

    assert verdict.outcome == "error"
    assert verdict.reason.startswith("the call raised KeyError: 'loss'")


def test_where_another_law_reports_it_the_others_name_both():
    """They refer to that law, and tell the first exception in short."""
    verdict = judged("frozen-value", OptaxFreeze(refuses), Effort(30, 0))

    assert (verdict.outcome, verdict.counterexample) == ("not-run", None)
    assert verdict.reason.startswith("see training-runs: the wrapper raised RuntimeError")


def test_what_raises_under_some_optimizers_is_reported_too():
    """A verdict about the rest, which says to see another law, would be all that anyone sees."""
    assert judged("frozen-value", OptaxFreeze(no_moments)).outcome == "error"
    assert judged("frozen-value", OptaxFreeze(no_moments), Effort(30, 0)).outcome == "held"


def test_what_never_answers_is_soon_left_alone():
    """After so many examples another verdict is not to be expected, and each takes its time."""
    calls = 0

    def freeze(optimizer, mask):
        nonlocal calls
        calls += 1
        raise RuntimeError("no layer is called encoder")

    verdict = judged("frozen-value", OptaxFreeze(freeze), Effort(100, 0, proofs=True))

    assert verdict.outcome == "not-run"
    assert calls <= CHECKED + SILENT


@pytest.mark.parametrize("answers", [False, True])
def test_what_never_answers_is_tried_by_all_laws_together(answers):
    """So many examples of one law say of all that no answer is to be expected; one is enough for
    each law to try as many by itself.
    """
    calls = 0

    def freeze(optimizer, mask):
        nonlocal calls
        calls += 1
        if answers and calls == 1:
            return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))
        raise RuntimeError("no layer is called encoder")

    subject, memory = OptaxFreeze(freeze), CallCache()
    laws = ("frozen-value", "frozen-any-learning-rate", "frozen-under-overflow", "freeze-twice")
    for law in laws:
        verdict = judge(BY_ID[law], subject, Effort(100, 0), memory, "code.py:freeze")
        assert verdict.outcome == "not-run"

    assert (calls <= SILENT + 2 * len(laws)) == (not answers)


def test_what_answers_seldom_is_judged_where_it_does():
    """One answer is enough for the rest to be tried."""
    calls = 0

    def freeze(optimizer, mask):
        nonlocal calls
        calls += 1
        if calls % 5:
            raise RuntimeError("not today")
        return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

    judged("frozen-value", OptaxFreeze(freeze), Effort(100, 0))

    assert calls > 3 * SILENT


def test_what_the_law_about_it_never_draws_accuses_nobody():
    """Problems that only this law has, such as weights that are not numbers, may be refused."""
    subject = OptaxFreeze(refuses_odd_weights)

    assert judged("training-runs", subject).outcome == "held"
    verdict = judged("frozen-special-weights", subject)
    assert verdict.outcome == "not-run"
    assert "FloatingPointError: a weight is out of range" in verdict.reason


def test_a_counterexample_on_which_nothing_runs_any_more_is_not_fixed():
    """A replay says what the program does there now."""
    moved = judged("frozen-value", OptaxFreeze(lambda optimizer, mask: optimizer))
    problems = moved.counterexample.problems

    assert "frozen leaf changed" in moved.reason
    assert refutation(BY_ID["frozen-value"], OptaxFreeze(refuses), problems).startswith(
        "the wrapper raised RuntimeError"
    )


@pytest.mark.parametrize(
    ("laws", "reported"),
    [(["*"], True), (["frozen-*"], False), (["frozen-value", "training-*"], True)],
)
def test_the_plan_knows_whether_a_law_is_about_it(laws, reported):
    """Of each subject by itself: an exercise has another such law than a trainer."""
    subjects = [NamedSubject("train.py:t", "optax", capabilities=OptaxFreeze.declared)]

    chosen, left_out = plan_checks(subjects, laws)

    assert {check.reported for check in (*chosen, *left_out)} == {reported}
    assert {check.law.id for check in chosen} & {*REPORTING} == (
        {"training-runs"} if reported else set()
    )


def test_each_kind_of_subject_has_such_a_law():
    """It is decisive, always promised, and judges what others leave aside."""
    for law in map(BY_ID.get, REPORTING):
        assert (law.guarantee, law.decisive, law.judges_malformed) == ("computes", True, True)


@pytest.mark.parametrize("promise", [(), ("isolated",)])
def test_a_run_of_one_law_fails(promise):
    """Not a tick, nor a status that says that nothing promised could run: an answer always is, and
    the guarantee of the law that would say so is broken.
    """
    report = verify(OptaxFreeze(refuses), laws=["frozen-value"], promise=promise, max_examples=3)

    assert report.exit_status == 1
    assert [row.verdict for row in report.rows] == ["error"]
    (standing,) = report.standings.values()
    assert (standing.broken, [*standing.not_shown]) == (("computes",), ["value"])


def test_an_answer_of_another_form_is_refused_at_once():
    """By the name of the function, where it is defined, what came, and what was expected."""
    trainer = LinenTrainer(
        lambda seed, batch, optimizer: _State({"w": np.ones(2, np.float32)}),
        lambda state, batch: (np.float32(0), state),
        frozen=("w",),
    )

    with pytest.raises(
        ValueError, match=r"`train_step` \(test_unanswered.py, line \d+\) returned "
    ):
        verify(trainer, laws=["frozen-value"])


def test_an_answer_that_is_of_another_form_at_times_is_no_exception():
    """The law about it tells what came and what was expected, not a class of ours."""
    trainer = LinenTrainer(
        lambda seed, batch, optimizer: _State({"w": np.ones(2, np.float32)}),
        lambda state, batch: state if len(batch.x) != 2 else (state, np.float32(0)),
        frozen=("w",),
    )

    verdict = judged("training-runs", trainer)

    assert verdict.outcome == "error"
    assert verdict.reason.startswith("step 1 cannot be judged: `train_step` (test_unanswered.py, ")
    assert verdict.reason.endswith("returned _State, expected (state, loss)")


class _State:
    def __init__(self, params):
        self.params = params
