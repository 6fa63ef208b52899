"""A function that a trainer declares beside its training, and that raises, is named at once."""

import os
from dataclasses import replace

import jax
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

from frostproof import Optimizers, verify
from frostproof.reference.corpus.accepted.lifetimes.own_checkpoints import state_as_msgpack
from frostproof.reference.corpus.accepted.trainers.nnx_steps import create_with
from frostproof.reference.corpus.accepted.trainers.nnx_steps import stepping as nnx_stepping
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import predict, trainer
from frostproof.reference.subjects.capability import Capability
from frostproof.reference.subjects.nnx_trainer import NnxTrainer
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.trials.probe import probe
from frostproof.reports.formats.wording import story

CORRECT = trainer(predict=predict, loss="mse", optimizers=Optimizers("sgd"))


def raises(*_):
    raise KeyError("backbone")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("params", ""),
        ("opt_state", ""),
        ("model_state", ""),
        ("predict", r" and float32\[2, 3\]"),
        ("loss", ""),
        ("refreeze", r" and \('body/bias', 'body/kernel'\)"),
    ],
)
def test_one_that_raises_is_named_with_what_it_was_given(name, given):
    """Laws that need it were not run before, as if it had not been given, and all else held."""
    on = r"float64\[2, 1\] and float32\[2, 1\]" if name == "loss" else "what `create` returned"

    with pytest.raises(
        UnusableSubject,
        match=rf"^`{name}` raised KeyError: 'backbone', on {on}{given}: mend it, or leave it out$",
    ):
        probe(replace(CORRECT, **{name: raises}))


def test_one_of_a_module_is_named_too():
    """It is given the module, and the optimizer beside it."""
    module = NnxTrainer(create_with(), nnx_stepping(), frozen=("l1",), predict=raises)

    with pytest.raises(UnusableSubject, match=r"^`predict` raised KeyError"):
        probe(module)


def test_one_that_answers_is_used():
    """Freezing anew what is frozen leaves nothing behind, and a user's own loss is not a number."""
    asked = []

    def refreeze(state, frozen):
        asked.append(frozen)
        return state

    found = probe(
        replace(CORRECT, refreeze=refreeze, loss=lambda answer, y: np.mean((answer - y) ** 2))
    )

    assert asked == [("body/bias", "body/kernel")]
    assert {Capability.PREDICT, Capability.WITH_PARAMS} <= found.capabilities


def test_a_training_that_does_not_begin_is_asked_for_nothing_more():
    """It may show the optimizer's state: nobody knows, where `create` raises."""
    laws = ["training-runs", "frozen-optimizer-state"]
    report = verify(replace(CORRECT, create=raises), laws=laws, max_examples=2, seed=0)

    reasons = {row.law: row.reason or "" for row in report.rows}

    assert "needs" not in reasons["frozen-optimizer-state"]
    assert "training-runs" in reasons["frozen-optimizer-state"]


def test_what_raises_later_is_told_without_a_guess():
    """That it does under some optimizers is not a cause, where the step itself never raises."""

    def save(state, folder):
        raise OSError(28, os.strerror(28))

    faulty = replace(state_as_msgpack, save=save)
    (row,) = verify(faulty, laws=["restored-equals-saved"], max_examples=2, seed=0).rows

    assert row.verdict == "error"
    assert row.raises
    assert row.reason.startswith("`save` raised OSError: [Errno 28]")
    assert {"because", "usually"}.isdisjoint(keyword for keyword, _ in story(row))


def test_one_may_know_the_optimizers_that_are_promised():
    """They are given a state of one of them, as in every law."""

    def moments(state):
        (found,) = [
            each for each in jax.tree.leaves(state.opt_state, is_leaf=_is_adam) if _is_adam(each)
        ]
        return found.mu

    for promised in (Optimizers("adam"), st.just(optax.adam(0.1))):
        known = replace(CORRECT, opt_state=moments, optimizers=promised)
        assert Capability.OPT_STATE in probe(known).capabilities
    with pytest.raises(UnusableSubject, match=r"^`opt_state` raised ValueError: not enough values"):
        probe(replace(CORRECT, opt_state=moments))


def _is_adam(state):
    return isinstance(state, optax.ScaleByAdamState)


def test_a_program_may_refuse_to_freeze_nothing():
    def refreeze(state, frozen):
        if not frozen:
            raise ValueError("nothing to freeze")
        return state

    probe(replace(CORRECT, frozen=(), refreeze=refreeze))


def test_a_prediction_may_be_of_several_arrays():
    """They have no shape in common, and `loss` is tried on all."""
    pairs = replace(
        CORRECT,
        predict=lambda state, x: (x, predict(state, x)),
        loss=lambda answer, y: np.mean((answer[1] - y) ** 2),
    )

    assert {Capability.PREDICT, Capability.WITH_PARAMS} <= probe(pairs).capabilities
