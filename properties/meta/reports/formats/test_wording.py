"""How a verdict is told: its problem, its cause, and the laws that fail by the same fault."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from frostproof.properties.laws.book import BOOK, BY_ID
from frostproof.properties.meta.reports.formats.verdict_samples import refuted, row, standing
from frostproof.properties.plan.checks import Check, NamedSubject
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import write_batch
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.formats.faults import by_cause
from frostproof.reports.formats.html.matrix import place_of
from frostproof.reports.formats.html.page import page
from frostproof.reports.formats.wording import explain, problem_text, story
from frostproof.reports.pytest_plugin.laws import BoundLaw
from frostproof.reports.results.report import Report


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


def test_one_loss_is_told_once():
    """First by the law that others presume; another loss is another fault."""
    loss = {"leaf": "loss", "step": 1, "observed": 2.0, "expected": 1.0}
    late, first, other = rows = [
        refuted("loss-before-step", **loss),
        refuted("loss-is-mse", **loss),
        refuted("loss-is-mse", **loss | {"observed": 3.0}),
    ]

    assert by_cause(rows) == [[first, late], [other]]
    elsewhere = [refuted(law, **loss | {"leaf": "body"}) for law in ("frozen-value", "frozen-bits")]
    assert len(by_cause(elsewhere)) == 2


def test_what_makes_no_batch_is_not_told():
    """A batch of the user's own has other rows and features than the engine would draw."""
    problem = {"seed": 3, "rows": 2, "features": 3, "fill": 0}
    own = problem | {"batches": [write_batch({"words": np.zeros((4, 5), int)})]}

    assert problem_text(problem).startswith("seed=3, rows=2, features=3, fill=0")
    assert problem_text(own).startswith("seed=3, batches=")


def test_a_law_of_norms_heads_no_fault_that_another_law_shows():
    """A norm hides which element moved. That of an exception is as good as any: it comes first."""
    norm = replace(refuted("frozen-norm", cause="decay"), guarantee="norm")
    value = refuted("frozen-value", cause="decay")
    unexplained = refuted("frozen-bits", step=6, before=1.0, after=0.5)
    norm.counterexample["facts"] |= unexplained.counterexample["facts"]
    silent = {"law": BY_ID["training-runs"].statement, "message": "", "problems": [], "facts": {}}

    assert by_cause([norm, value]) == [[value, norm]]
    assert by_cause([norm]) == [[norm]]
    assert by_cause([unexplained, norm]) == [[norm, unexplained]]  # its cause says more
    raised = [replace(each, counterexample=silent) for each in (norm, value)]
    assert by_cause(raised) == [raised]


def test_the_page_refers_to_a_fault_that_it_has_told():
    """Below it, whichever guarantee comes first."""
    norm = replace(refuted("frozen-norm", cause="decay"), guarantee="norm")

    value = refuted("frozen-value", cause="decay")

    shown = page(Report("", 0, [norm, value]))

    first, second = (shown.index(f'<article id="{place_of(each.id)}"') for each in (value, norm))
    assert first < second


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


@pytest.mark.parametrize(
    ("kinds", "tree", "together"),
    [
        (("decay", "decay"), "two leaves", True),
        (("decay", "decay"), None, False),  # a trainer's leaves are not drawn
        (("decay", "earlier gradients"), "two leaves", False),
        (("missed", "missed"), "two leaves", False),  # a rule may miss one leaf and not the other
    ],
)
def test_a_fault_of_no_leaf_is_one_whatever_leaf_a_wrapper_is_given(kinds, tree, together):
    """Of two laws one may draw a mask in which the other leaf is frozen."""
    rows = [
        refuted(law, leaf=leaf, cause="it", equation=f"mul {leaf}", fault=(kind, [leaf]))
        for law, leaf, kind in zip(
            ("frozen-value", "frozen-any-learning-rate"), ("head", "backbone"), kinds, strict=True
        )
    ]
    for each in rows:
        each.counterexample["problems"] = [{"tree": tree} if tree else {"rows": 1}]

    assert len(by_cause(rows)) == (1 if together else 2)


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
        replace(refuted("frozen-special-weights", "head", "a sum"), guarantee="bits"),
    ]
    rows[2:] = [replace(each, promised=False) for each in rows[2:]]
    report = Report("ci", 0, rows)

    Terminal(Console(file=screen, width=200)).on_end(report)

    printed = screen.getvalue()
    assert printed.count("because") == 1  # the line of one has no room for the word
    also = "also    by the same fault: frozen-value; beyond the promise frozen-bits\n"
    beyond = (
        "refuted beyond the promise, which fails nothing:\n"
        "  frozen-special-weights: it moved; a sum\n"
        "  promise bits too, by promise= or --promise, and it fails\n"
    )
    end = "2 promised verdicts failed: frozen-norm, frozen-value"
    assert printed.index(also) < printed.index(beyond) < printed.index(end)


def test_no_promise_is_named_that_would_change_nothing():
    """A law on optimizers outside of every promise fails nothing, whatever is promised."""
    screen = io.StringIO()
    other = replace(refuted("frozen-under-other-optimizers"), promised=False)

    Terminal(Console(file=screen, width=200)).on_end(Report("ci", 0, [other]))

    printed = screen.getvalue()
    assert "frozen-under-other-optimizers: it moved\n" in printed
    assert "by promise=" not in printed


def test_a_problem_is_told_with_what_it_was_compared_with():
    """A law that compares two runs has a problem for each."""
    found = refuted("frozen-value")
    found.counterexample["problems"] = [{"seed": 3}, {"seed": 4}]

    assert story(found)[-2:] == [("for", "seed=3"), ("versus", "seed=4")]


THAWED = [
    "frozen-gradients-do-not-leak",
    "frozen-optimizer-state",
    "frozen-copies",
    "frozen-under-coupled-overflow",
]


def not_alone(of):
    """A refuted law of isolation, under an optimizer."""
    found = refuted("trains-as-if-alone", str(of))
    found.counterexample["problems"] = [{"optimizer": of.record()}]
    return found


@pytest.mark.parametrize("whole", [True, False])
def test_what_follows_where_all_frozen_leaves_train_is_told_with_them(whole):
    """Where the freeze misses some of them, or what fails has its own cause, it is not."""
    missed = refuted("frozen-value", "a", "it", fault=("missed", ["a", "b"]))
    missed.counterexample["fault"] |= {"whole": whole}
    sgd = optimizer("sgd")
    coupled = optimizer("clip_by_global_norm", sgd, max_norm=1.0)
    added = refuted("frozen-special-weights", "b", "a zero", fault=("added zero", ["b"]))
    follows = [*(refuted(law, law, equation=law) for law in THAWED), not_alone(coupled), added]
    others = [
        not_alone(sgd),
        refuted("frozen-layer-state", "mean"),
        refuted("frozen-copies", "average", "another cause"),
    ]

    groups = by_cause([missed, *follows, *others])

    alone = others if whole else [*follows, *others]
    assert [group[0] for group in groups] == [missed, *alone]
    assert sorted(len(group) for group in groups)[-1] == (1 + len(follows) if whole else 1)


@pytest.mark.parametrize("law", BOOK, ids=lambda law: law.id)
def test_a_law_takes_three_lines_of_a_terminal(law):
    """A longer one is summed up by its first sentence; reports have the whole."""
    failed = refuted(law.id)

    told = dict(story(failed, brief=True))["law"]

    assert len(f"law     {told}") <= 240
    assert told == law.statement or (
        len(law.statement) > 232
        and told.endswith(f" (frostproof laws {law.id})")
        and law.statement.startswith(f"{told.rpartition(' (')[0]}. ")
    )
    assert dict(story(failed))["law"] == law.statement
    assert law.statement in explain(failed)


def test_a_failed_test_and_the_terminal_sum_a_long_law_up():
    """Both are read in a terminal."""
    failed = refuted("trainable-moves")
    item = Check(NamedSubject("s", "trainer"), BY_ID[failed.law], promised=True)
    screen = io.StringIO()

    Terminal(Console(file=screen, width=200, soft_wrap=True)).on_end(Report("ci", 0, [failed]))
    with pytest.raises(pytest.fail.Exception) as test:
        BoundLaw(item, lambda item: failed, lambda row: None, None)()

    for each in (screen.getvalue(), str(test.value)):
        assert "that very step (frostproof laws trainable-moves)\n" in each
