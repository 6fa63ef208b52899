"""What a subject's verdicts amount to."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.causes.reason import NOTHING_MOVES
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.requirements.layers import NAMELESS
from frostproof.properties.laws.requirements.training_law import NO_UPDATE
from frostproof.properties.meta.reports.formats.verdict_samples import refuted, row, standing
from frostproof.reports.formats.wording import story
from frostproof.reports.results.guarantees import FOLLOWS_FROM, Asked, standings
from frostproof.reports.results.report import Report


def test_the_strongest_held_and_the_weakest_broken():
    """Bits rest on values, and values on norms; what is broken first decides what follows."""
    found = standing(
        row("frozen-norm", "norm", "held"),
        row("frozen-value", "value", "held"),
        row("frozen-bits", "bits", "held"),
        row("frozen-special-weights", "bits", "refuted"),
        row("frozen-optimizer-state", "inert", "error"),
    )

    assert (found.strongest_held, found.weakest_broken) == ("value", "bits")
    assert found.sentence.startswith(
        "keeps value; breaks bits, inert: frozen leaves keep their values"
    )


def test_value_is_named_beside_bits():
    """It is what a subject promises by default, and who reads the line looks for it."""
    value, bits = row("frozen-value", "value", "held"), row("frozen-bits", "bits", "held")
    moved = row("trainable-moves", "selected", "held")

    assert standing(moved, value, bits).keeps == "keeps bits and value, selected"
    assert standing(value).keeps == "keeps value"
    assert standing(bits).keeps == "keeps bits"  # of value nothing ran


@pytest.mark.parametrize("guarantee", ["bits", "inert", "isolated"])
def test_what_follows_claims_only_what_was_shown(guarantee):
    """That values stay is said where a law of values held, and nowhere else."""
    broken = row("broken", guarantee, "refuted")
    values = row("frozen-value", "value", "held")
    not_run = row("frozen-value", "value", "not-run", reason="needs more")
    left_out = {"s": Asked(omitted=("frozen-norm", "frozen-any-learning-rate"))}

    assert standing(values, broken).follows.startswith("frozen leaves keep their values, but ")
    for rows in ([broken], [not_run, broken]):
        assert standing(*rows).follows.endswith("that frozen leaves keep their values is not shown")
    some_of_value = standings([values, broken], left_out)["s"]
    assert "frozen leaves keep their values" not in some_of_value.follows  # nobody asked for it
    moves = row("frozen-layer-state", "inert", "refuted")
    assert standing(values, moves).follows.endswith("computes something else in evaluation")


def test_leaves_are_not_exactly_the_selected_ones_where_frozen_ones_move():
    """The laws of `selected` are about leaves that train; which stay, those of values judge."""
    trained = row("trainable-moves", "selected", "held")
    moved = standing(trained, row("frozen-value", "value", "refuted"))

    assert (moved.held, moved.not_shown) == ((), {"selected": "frozen leaves move"})
    for law, reason in [
        ("restored-equals-saved", "a training that goes on from a checkpoint is another one"),
        ("frozen-initial", "frozen leaves do not begin with what they are to begin with"),
    ]:  # no leaf was seen to move
        assert standing(trained, row(law, "value", "refuted")).not_shown == {"selected": reason}
    assert standing(trained, row("frozen-bits", "bits", "refuted")).held == ("selected",)
    assert standing(trained, row("frozen-value", "value", "error")).held == ("selected",)


def test_inert_is_not_shown_where_statistics_have_no_name():
    """Elsewhere a program without statistics of frozen layers may keep it."""
    state = row("frozen-optimizer-state", "inert", "held")
    nameless = row("frozen-layer-state", "inert", "not-run", reason=NAMELESS)
    none = replace(nameless, reason="no frozen layer has statistics")
    moves = row("trainable-statistics-move", "selected", "not-run", reason=NAMELESS)
    trained = row("trainable-moves", "selected", "held")

    found = standing(state, nameless, trained, moves)
    assert (found.held, [*found.not_shown]) == (("selected",), ["inert"])
    assert found.not_shown["inert"].startswith("frozen-layer-state: statistics that move have a n")
    assert standing(state, none).held == ("inert",)


def test_norms_are_not_kept_where_a_law_of_values_saw_them_change():
    """The law of norms draws no rates that overflow, under which a leaf became NaN."""
    norms = row("frozen-norm", "norm", "held")
    lost = refuted("frozen-any-learning-rate", norms_kept=False)
    unseen = refuted("frozen-value", norms_kept=True)

    found = standing(norms, unseen, lost)
    assert (found.held, found.broken) == ((), ("value",))
    assert found.not_shown == {"norm": "see frozen-any-learning-rate, where frozen norms change"}
    assert standing(norms, unseen).held == ("norm",)
    assert standing(norms, replace(lost, verdict="held")).held == ("norm", "value")


def test_a_stronger_guarantee_is_not_held_above_a_broken_one():
    """Bits that were only judged on other examples than broken values are not bits."""
    found = standing(row("a", "value", "refuted"), row("b", "bits", "held"))

    assert found.strongest_held is None
    assert found.sentence.startswith("keeps nothing; breaks value")


def test_laws_beyond_any_promise_do_not_count():
    """Other optimizers than promised tell nothing of what is claimed; nor does advice."""
    found = standing(
        row("frozen-value", "value", "held"),
        row("frozen-under-other-optimizers", "value", "refuted"),
        row("compiles-once", "advice", "refuted"),
    )

    assert found.broken == ()
    assert found.sentence == "keeps value"


def test_a_subject_that_gives_no_answer():
    """It may compute what it says; that it computes something else is another fault."""
    rows = [row("answer-shape", "computes", "error"), row("answer-norms-equal", "norm", "held")]
    refuted = row("answer-loss-is-mse", "computes", "refuted")

    ended = "breaks computes: the program raises, hangs or ends its process on some problems"
    assert ended in standing(*rows).sentence
    assert standing(*rows).to_json()["follows"] in standing(*rows).sentence
    assert "does not compute what it reports" in standing(*rows, refuted).sentence


@pytest.mark.parametrize(
    ("raised", "did"), [("raised KeyError: 'x'", "raised"), ("answered 7", "gave no answer")]
)
@pytest.mark.parametrize(
    ("law", "guarantee", "not_shown"),
    [("frozen-value", "value", ["value"]), ("compiles-once", "advice", [])],
)
def test_a_law_that_is_judged_alone_breaks_what_the_law_about_answers_breaks(
    law, guarantee, not_shown, raised, did
):
    """A run of the whole book says the same, and the block says that the law is not refuted."""
    found = refuted("training-runs", message="it died", raised=raised)
    silent = replace(found, law=law, guarantee=guarantee, verdict="error")
    same = replace(silent, law="frozen-norm", guarantee="norm")
    alone = standings([silent], {"s": Asked(omitted=("training-runs",))})["s"]

    assert (alone.broken, [*alone.not_shown]) == (("computes",), not_shown)
    assert alone.follows.startswith("the program raises")
    assert dict(story(silent))["law"].startswith(
        f"the program {did}, so {law} could not be judged; training-runs: Every problem is"
    )
    # What is not shown refers to the law that heads the block.
    assert standing(silent, same).not_shown == dict.fromkeys([*not_shown, "norm"], f"see {law}")


@pytest.mark.parametrize(
    ("raised", "follows"),
    [
        ("raised ValueError: no", "the program raises on some problems, and nothing is known"),
        ("replaced numpy.abs, with which it is judged", "the program raises, hangs or ends its"),
    ],
)
def test_an_exception_that_was_seen_is_no_hang(raised, follows):
    """What is known of how a program gives no answer is said, and no more."""
    found = replace(refuted("training-runs"), verdict="error")
    found.counterexample["facts"]["raised"] = raised

    assert standing(found).follows.startswith(follows)
    hung = row("answer-shape", "computes", "error")
    assert standing(found, hung).follows.startswith("the program raises, hangs or ends its process")


def test_a_failure_of_frostproof_breaks_no_guarantee():
    """Nothing follows from it for the program; what it would have shown is not shown."""
    reason = "frostproof itself failed: Traceback …"
    found = standing(
        row("frozen-value", "value", "held"),
        row("frozen-special-weights", "bits", "error", reason=reason),
        row("frozen-bits", "bits", "held"),
    )

    assert (found.held, found.broken) == (("value",), ())
    assert found.not_shown == {"bits": "frozen-special-weights: frostproof itself failed"}
    assert found.missed == ("bits",)


def test_nothing_held():
    """A subject of which no law could run holds nothing, and breaks nothing."""
    assert (
        standing(row("frozen-value", "value", "not-run")).sentence
        == "keeps nothing; not shown: value (frozen-value: not-run)"
    )


def test_a_declared_loss_that_is_not_judged_is_not_shown():
    """Where none is declared, the program is only said to answer."""
    answers = row("training-runs", "computes", "held")
    undeclared = row("loss-is-mse", "computes", "not-run", reason="needs `loss=`")
    noisy = row("loss-is-mse", "computes", "not-run", reason="random numbers change the loss")

    assert standing(answers, undeclared).held == ("computes",)
    assert standing(answers, noisy).not_shown == {
        "computes": "loss-is-mse: random numbers change the loss"
    }


def test_what_is_not_shown_says_why():
    """Guarantees of one reason stand together, and an exception is told where its law is."""
    see = "see training-runs: step 1 raised ValueError: shapes do not fit"
    found = standing(
        row("frozen-norm", "norm", "not-run", reason=see),
        row("frozen-value", "value", "not-run", reason=see),
        row("frozen-layer-state", "inert", "not-run", reason="needs `model_state=`"),
        row("training-runs", "computes", "error"),
    )

    assert found.sentence.endswith(
        "not shown: norm, value (see training-runs); inert (no law about it ran)"
    )
    # The law that is to be seen may have held: it draws no such problem.
    held = row("training-runs", "computes", "held")
    alone = standing(held, row("frozen-value", "value", "not-run", reason=see))
    assert alone.not_shown == {"value": f"frozen-value: {see}"}


def test_what_a_cause_has_made_moot_is_not_advised():
    """Where no leaf moves, more steps change nothing; where others move, they may."""
    see = f"see trainable-moves: {NO_UPDATE.partition(': ')[2]}"
    rows = [
        row("frozen-norm", "norm", "not-run", reason=NO_UPDATE),
        row("frozen-value", "value", "not-run", reason=NO_UPDATE),
    ]
    stays = refuted("trainable-moves", fault=("no change", ["body", "head"]))
    found = standing(replace(stays, guarantee="selected"), *rows)

    assert found.not_shown == dict.fromkeys(["norm", "value"], "see trainable-moves")
    assert found.follows == "nothing trains: no leaf moves"
    assert standing(row("trainable-moves", "selected", "held"), *rows).not_shown == {
        "norm": f"frozen-norm: {see}",
        "value": f"frozen-value: {see}",
    }


@pytest.mark.parametrize("kind", NOTHING_MOVES)
def test_a_rule_that_catches_all_is_no_single_leaf_that_stays(kind):
    """The summary says how far the fault reaches."""
    assert standing(refuted("trainable-moves", fault=(kind, ["a"]))).follows.startswith("nothing")


def test_what_a_test_expects_is_told_as_expected():
    """A guarantee that is also broken by another law is not."""
    known = row("frozen-value", "value", "refuted", expected="issue 12")
    other = row("frozen-any-learning-rate", "value", "refuted")
    norm = row("frozen-norm", "norm", "refuted")

    assert "breaks norm, value (as expected): " in standing(known, norm).sentence
    assert "breaks norm, value: " in standing(known, other, norm).sentence


def test_where_laws_were_left_out_nobody_says_that_none_ran():
    """One of those might: the choice of laws is the reason, and no lack of the subject."""
    rows = [row("frozen-value", "value", "held"), row("freeze-twice", "selected", "not-run")]
    asked = Asked(by_name=("selected",), omitted=("trainable-moves",))

    found = standings(rows, {"s": asked})["s"]

    assert (found.missed, found.unasked) == ((), ("selected",))
    assert found.not_shown == {"selected": "laws about it were left out: 1"}


def test_of_some_laws_nothing_is_concluded_that_others_would_show():
    """Where one law of a guarantee fails, the rest of the book was not asked."""
    rows = [row("frozen-value", "value", "refuted"), row("frozen-bits", "bits", "held")]
    left_out = Asked(omitted=("frozen-special-weights",))

    moved = "breaks value: frozen leaves move"
    assert standings(rows, {"s": left_out})["s"].sentence == moved
    assert standings(rows[:1])["s"].sentence == f"keeps nothing; {moved}"


def test_the_report_says_so():
    """In JSON by subject, in Markdown as a sentence."""
    from frostproof.reports.formats.markdown import markdown

    report = Report("ci", 0, [row("frozen-value", "value", "refuted", reason="it moved")])

    assert '"weakest_broken": "value"' in report.to_json()
    assert "s keeps nothing; breaks value: frozen leaves move" in markdown(report)


@pytest.mark.parametrize(
    ("laws", "told"),
    [
        (["trainable-moves"], "a leaf that is to train does not"),
        (["same-selection-for-every-representation"], "the frozen leaves are not those that were"),
        (["freezing-spares-the-rest"], "to change what is frozen changes how"),
        (["restored-equals-saved"], "a training that goes on from a checkpoint is another one"),
    ],
)
def test_what_follows_is_that_of_the_law(laws, told):
    """A guarantee is broken in many ways, and a sentence on another one leads astray."""
    assert standing(*(row(law, "selected", "refuted") for law in laws)).follows.startswith(told)
    assert FOLLOWS_FROM.keys() <= BY_ID.keys()


MOVES = replace(refuted("exact-selection", before=1.0, after=0.5), guarantee="selected")
STAYS = replace(refuted("exact-selection", how="never moved"), guarantee="selected")
NEVER = replace(refuted("trainable-moves", how="only decays"), guarantee="selected")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([MOVES], "frozen leaves move"),
        ([MOVES, refuted("frozen-value")], "frozen leaves move"),
        ([STAYS], "a leaf that is to train does not"),
        ([NEVER, STAYS], "a leaf that is to train does not"),
        ([NEVER, MOVES], "frozen leaves move, and a leaf that is to train does not"),
        ([row("freeze-everything", "selected", "refuted"), MOVES], "frozen leaves move"),
    ],
)
def test_a_selection_is_broken_by_what_was_seen(rows, told):
    """A frozen leaf that moves and a leaf that stays are two faults."""
    assert standing(*rows).follows == told
