"""What a subject's verdicts amount to, and how a verdict is told."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from frostproof.properties.engine.causes.reason import NOTHING_MOVES
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.requirements.training_law import NO_UPDATE
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.formats.wording import by_cause, problem_text, story
from frostproof.reports.results.guarantees import FOLLOWS_FROM, Asked, standings
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row


def row(law, guarantee, verdict, **fields):
    return Row(f"s::{law}", "s", law, guarantee, True, verdict, 9, **fields)


def standing(*rows):
    return standings(rows)["s"]


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
    assert some_of_value.follows.endswith("that frozen leaves keep their values is not shown")


def test_leaves_are_not_exactly_the_selected_ones_where_frozen_ones_move():
    """The laws of `selected` are about leaves that train; which stay, those of values judge."""
    trained = row("trainable-moves", "selected", "held")
    moved = standing(trained, row("frozen-value", "value", "refuted"))

    assert (moved.held, moved.not_shown) == ((), {"selected": "frozen leaves move"})
    assert standing(trained, row("frozen-bits", "bits", "refuted")).held == ("selected",)
    assert standing(trained, row("frozen-value", "value", "error")).held == ("selected",)


def test_a_stronger_guarantee_is_not_held_above_a_broken_one():
    """Bits that were only judged on other examples than broken values are no bits."""
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
    ("law", "guarantee", "not_shown"),
    [("frozen-value", "value", ["value"]), ("compiles-once", "advice", [])],
)
def test_a_law_that_is_judged_alone_breaks_what_the_law_about_answers_breaks(
    law, guarantee, not_shown
):
    """A run of the whole book says the same of the exception, and the block names the law."""
    found = refuted("training-runs", message="it died")
    silent = replace(found, law=law, guarantee=guarantee, verdict="error")
    same = replace(silent, law="frozen-norm", guarantee="norm")
    alone = standings([silent], {"s": Asked(omitted=("training-runs",))})["s"]

    assert (alone.broken, [*alone.not_shown]) == (("computes",), not_shown)
    assert alone.follows.startswith("the program raises, hangs or ends")
    assert dict(story(silent))["law"].startswith(
        f"training-runs, in place of {law}: Every problem is trained"
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


def test_nothing_held():
    """A subject of which no law could run holds nothing, and breaks nothing."""
    assert (
        standing(row("frozen-value", "value", "not-run")).sentence
        == "keeps nothing; not shown: value (frozen-value: not-run)"
    )


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


def test_a_problem_is_told_without_what_is_usual():
    """Optimizers and architectures as they are written, defaults not at all."""
    clip = {
        "name": "clip_by_global_norm",
        "hyperparameters": {"max_norm": 1.0},
        "inner": {"name": "sgd", "hyperparameters": {"learning_rate": 0.1}, "inner": None},
    }
    layers = [{"name": "l1", "kind": "dense", "width": 4}, {"name": "drop", "kind": "dropout"}]
    problem = {
        "optimizer": clip,
        "seed": 0,
        "weights": "ordinary",
        "jitted": False,
        "architecture": {"layers": layers},
    }

    assert problem_text(problem) == (
        "optimizer=chain(clip_by_global_norm(max_norm=1.0), sgd(learning_rate=0.1)), seed=0, "
        "architecture=l1(4) → drop(dropout)"
    )
    assert story(row("a", "value", "error", reason="it died")) == [("seen", "it died")]


@pytest.mark.parametrize("name", ["momentum", "nesterov", "rmsprop_momentum", "adamw"])
def test_an_optimizer_is_spelt_as_in_messages(name):
    """Alone and in a wrapper; one of another release, with what its record has."""
    alone = optimizer(name)
    for each in (alone, optimizer("clip_by_global_norm", alone)):
        assert problem_text({"optimizer": each.record()}) == f"optimizer={each}"
    other = alone.record() | {"name": "adamx"}
    assert problem_text({"optimizer": other}).startswith("optimizer=adamx(learning_rate=")


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (["step"] * 8, "seed=3, steps=8"),
        (["step", "freeze"], "seed=3, actions=['step', 'freeze']"),
        ([], "seed=3, actions=[]"),
    ],
)
def test_steps_alone_are_counted(actions, told):
    """In their place among the fields."""
    fill = "fill=0 (the seed of the data)"
    assert problem_text({"seed": 3, "actions": actions, "fill": 0}) == f"{told}, {fill}"


def refuted(law, leaf="body", cause=None, equation=None, fault=None, message="", **facts):
    facts |= {"leaf": leaf} | ({"equation": equation} if equation else {})
    found = {"law": BY_ID[law].statement, "message": message, "problems": [], "facts": facts}
    found["cause"] = cause
    if fault is not None:  # a report of an earlier release has none
        found["fault"] = {"kind": fault[0], "leaves": list(fault[1])}
    return row(law, "value", "refuted", reason="it moved", counterexample=found)


def test_a_cause_that_was_found_stands_for_what_it_usually_is():
    """What a law mostly fails by would lead away from it."""
    told, guessed = (
        dict(story(refuted("frozen-value", cause=cause))) for cause in ("the decay of adamw", None)
    )

    assert told["because"] == "the decay of adamw"
    assert "usually" not in told
    assert guessed["usually"].startswith("the freeze misses a leaf")


def test_a_name_keeps_its_capitals_in_what_a_failure_usually_is():
    """It goes on behind "usually", and begins with a name."""
    told = dict(story(refuted("frozen-layer-state")))["usually"]

    assert told.startswith("BatchNorm of a frozen layer")


def test_where_the_exception_is_named_nothing_is_guessed():
    """Nor where the form of the answer is."""
    assert "usually" not in dict(story(replace(refuted("training-runs"), verdict="error")))
    assert "usually" not in dict(story(refuted("answer-shape")))


def test_what_the_law_of_a_row_mostly_fails_by_is_not_told_of_another_law():
    """A subject that raises is reported by the law about that, whichever law is judged."""
    found = refuted("frozen-value")
    found.counterexample["law"] = BY_ID["training-runs"].statement

    assert "usually" not in dict(story(replace(found, verdict="error")))


def test_laws_of_one_fault_are_told_together():
    """Of one leaf and one cause, or of the same change: first one whose cause was found."""
    change = {"step": 6, "before": 1.0, "after": 0.5}
    rows = [
        refuted("zero-rate-is-identity", **change),
        refuted("frozen-norm", cause="decay", **change),
        refuted("frozen-value", cause="decay"),
        refuted("frozen-bits", leaf="head", cause="decay"),
        refuted("frozen-any-learning-rate", cause="decay", equation="mul 0.1 body"),
        refuted("frozen-under-overflow"),
        refuted("frozen-special-weights"),
        row("training-runs", "computes", "error", reason="it died"),
    ]

    found = [[each.law for each in group] for group in by_cause(rows)]

    together = ["frozen-norm", "frozen-value", "zero-rate-is-identity"]
    assert [sorted(found[0]), *found[1:]] == [together, *([each.law] for each in rows[3:])]
    assert found[0][-1] == "zero-rate-is-identity"


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        # A decay under lion and under adamw, with other numbers in the equation.
        (("body", "decay", ["body"], "mul 0.1"), ("body", "decay", ["body"], "mul 0.2"), True),
        # A filter that misses three biases, of which each law names another.
        (("a", "missed", ["a", "b", "c"], None), ("b", "missed", ["a", "b", "c"], None), True),
        # The leaf that is named is the same, and other leaves happen to move with it.
        (("a", "missed", ["a", "b"], None), ("a", "missed", ["a"], None), True),
        (("body", "decay", ["body"], None), ("body", "missed", ["body"], None), False),
        (("a", "missed", ["a", "b"], None), ("c", "missed", ["c"], None), False),
        (("a", "missed", ["a", "b"], None), ("b", "decay", ["a", "b"], None), False),
    ],
)
def test_the_kind_of_a_cause_and_its_leaves_tell_faults_apart(first, second, together):
    """Not the words, in which optimizers and numbers may differ."""
    rows = [
        refuted(law, leaf=leaf, cause=law, equation=equation, fault=(kind, leaves))
        for law, (leaf, kind, leaves, equation) in (
            ("frozen-norm", first),
            ("frozen-value", second),
        )
    ]

    assert len(by_cause(rows)) == (1 if together else 2)
    assert len(by_cause([replace(each, subject=each.law) for each in rows])) == 2


def test_an_inverted_mask_is_one_fault_of_a_subject():
    """Laws show it by leaves of other trees, and by those that stay; the summary names it."""
    rows = [
        refuted("frozen-value", leaf="a", cause="it", fault=("inverted", ["a", "b"])),
        refuted("trainable-moves", leaf="head", cause="it", fault=("inverted", ["c", "head"])),
        refuted("frozen-norm", leaf="d", cause="it", fault=("missed", ["d"])),
    ]

    assert by_cause(rows) == [rows[:2], rows[2:]]
    assert standing(rows[0]).follows.startswith("the mask is inverted")
    assert not standing(rows[2]).follows.startswith("the mask is inverted")


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([True, True], "frozen leaves move, and a check of their norms misses it"),
        ([True, False], "frozen leaves move"),
        ([None], "frozen leaves move"),
    ],
)
def test_norms_are_said_to_stay_where_they_were_seen_to(kept, told):
    """Whether the law of norms was judged or left out."""
    facts = ({} if each is None else {"norms_kept": each} for each in kept)
    rows = [refuted("frozen-value", **each) for each in facts]

    assert standing(*rows).follows == told
    assert standing(*rows, row("frozen-norm", "norm", "held")).follows == told


def test_a_law_that_shares_a_fault_with_two_joins_them():
    """One names the same leaf, and the other reaches the same leaves."""
    one = refuted("frozen-norm", leaf="a", cause="it", fault=("missed", ["a", "b"]))
    other = refuted("frozen-value", leaf="b", cause="it", fault=("missed", ["b"]))
    both = refuted("frozen-bits", leaf="b", cause="it", fault=("missed", ["a", "b"]))

    assert len(by_cause([one, other])) == 2
    assert by_cause([one, other, both]) == [[one, other, both]]


def test_a_subject_without_an_answer_is_told_once():
    """Each law that is judged without the one about it reports the same exception."""
    silent = {"law": BY_ID["training-runs"].statement, "problems": [], "facts": {}}
    rows = [
        row(law, "value", "error", counterexample=silent | {"message": message})
        for law, message in (("frozen-norm", "a"), ("frozen-value", "a"), ("frozen-bits", "b"))
    ]

    found = [[each.law for each in group] for group in by_cause(rows)]

    assert found == [["frozen-norm", "frozen-value"], ["frozen-bits"]]


def test_the_terminal_shows_a_fault_once():
    """Other laws are named below it; what is refuted beyond the promise comes after all blocks."""
    screen = io.StringIO()
    rows = [
        refuted("frozen-norm", cause="decay"),
        refuted("frozen-value", cause="decay"),
        refuted("frozen-bits", cause="decay"),
        refuted("frozen-special-weights", leaf="head"),
    ]
    rows[2:] = [replace(each, promised=False) for each in rows[2:]]
    report = Report("ci", 0, rows)

    Terminal(Console(file=screen, width=200)).on_end(report)

    printed = screen.getvalue()
    assert printed.count("because") == 1
    also = "also    by the same fault: frozen-value, frozen-bits (beyond the promise)\n"
    beyond = (
        "refuted beyond the promise, which fails nothing:\n  frozen-special-weights: it moved\n"
    )
    end = "2 promised verdicts failed: frozen-norm, frozen-value"
    assert printed.index(also) < printed.index(beyond) < printed.index(end)


def test_a_problem_is_told_with_what_it_was_compared_with():
    """A law that compares two runs has a problem for each."""
    found = refuted("frozen-value")
    found.counterexample["problems"] = [{"seed": 3}, {"seed": 4}]

    assert story(found)[-2:] == [("for", "seed=3"), ("versus", "seed=4")]


@pytest.mark.parametrize(
    ("laws", "told"),
    [
        (["trainable-moves"], "a leaf that is to train stays as it was"),
        (["exact-selection", "trainable-moves"], "the frozen leaves are not those"),
        (["freezing-spares-the-rest"], "to change what is frozen changes how"),
        (["restored-equals-saved"], "a training that goes on from a checkpoint is another one"),
    ],
)
def test_what_follows_is_that_of_the_law(laws, told):
    """A guarantee is broken in many ways, and a sentence on another one leads astray."""
    assert standing(*(row(law, "selected", "refuted") for law in laws)).follows.startswith(told)
    assert FOLLOWS_FROM.keys() <= BY_ID.keys()
