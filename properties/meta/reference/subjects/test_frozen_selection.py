"""What `frozen` may name beside parameters, and what it is told where it names nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optax
import pytest
from flax import nnx

from frostproof import LinenTrainer, NnxTrainer
from frostproof.reference.corpus.accepted.trainers import named_statistics as statistics
from frostproof.reference.problems.batches import Batch
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.subjects.trainer import Trainer
from frostproof.reference.subjects.training import select_frozen
from frostproof.reference.trials.probe import probe


def begun(trainer: Trainer):
    batch = Batch(np.ones((2, 3), np.float32), np.ones((2, 1), np.float32))
    return trainer.begin(0, batch, optax.sgd(0.1))


def renamed(trainer, frozen):
    return type(trainer)(trainer.create, trainer.train_step, frozen=frozen)


def test_a_pattern_may_name_statistics_alone():
    """A pattern that names parameters leaves the statistics to their layer."""
    by_name = select_frozen(begun(statistics.statistics_frozen_by_name))
    by_layer = select_frozen(begun(renamed(statistics.statistics_frozen_by_name, ("norm",))))

    assert by_name.params == {("base", "kernel"), ("base", "bias")}
    assert by_name.statistics == {("norm", "mean"), ("norm", "var")}
    assert by_layer.params == {("norm", "scale"), ("norm", "bias")}
    assert not by_layer.statistics


def test_a_tied_weight_is_told_by_its_name():
    """The weight is one leaf, and the message says under which name."""
    with pytest.raises(UnusableSubject, match=r"another name of `embed/kernel`.*write `embed/ker"):
        probe(renamed(statistics.array_that_is_frozen, ("out",)))


class Dropping(nnx.Module):
    """A layer whose dropout counts what it draws."""

    def __init__(self, features, rngs):
        self.layer = nnx.Linear(features, 1, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)


@pytest.mark.parametrize("pattern", ["drop", "drop/rngs", "drop/rngs/count"])
def test_state_that_is_not_shown_is_answered_by_the_keyword_that_shows_it(pattern):
    """It is there under this name, and no typo; what the optimizer has is none of the model's."""

    def create(seed, batch, optimizer):
        model = Dropping(batch.x.shape[1], nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)

    trainer = NnxTrainer(create, lambda model, optimizer, batch: 0.0, frozen=(pattern,))
    with pytest.raises(UnusableSubject, match=r"but `drop/rngs/count`: .* where `model_state=`"):
        probe(trainer)
    with pytest.raises(UnusableSubject, match=r"`step` in `frozen` matches no leaf: the leaves"):
        probe(replace(trainer, frozen=("step",)))

    shown = replace(trainer, model_state=lambda model: nnx.state(model, nnx.RngState))
    assert ("drop", "rngs", "count") in select_frozen(begun(shown)).statistics


def test_an_array_in_the_place_of_a_parameter_is_a_leaf():
    """Whether it was meant to stay or not; an array of the module's own is none."""
    names = begun(statistics.array_that_is_frozen).params()
    assert "kernel" in names["mid"]
    assert "table" not in names


def test_what_is_frozen_has_to_be_said():
    """When the trainer is judged, and not when it is made: its file has other targets, too."""
    unsaid = renamed(statistics.statistics_frozen_by_name, None)
    with pytest.raises(UnusableSubject, match=r"`frozen` is not given: .* or say frozen=\(\)"):
        probe(unsaid)


def test_a_function_among_the_leaves_is_not_frozen():
    """As the activation of an Equinox module is; nothing trains it, and no snapshot has it."""

    def create(seed, batch, optimizer):
        layer = {"w": np.ones((3, 1), np.float32), "act": np.tanh, "name": "flow"}
        return SimpleNamespace(params={"flow": layer})

    trainer = LinenTrainer(create, lambda state, batch: (state, 0.0), frozen=("flow",))
    assert select_frozen(begun(trainer)).params == {("flow", "w")}

    with pytest.raises(UnusableSubject, match=r"matches no leaf .did you mean `flow/w`.*flow/w"):
        probe(renamed(trainer, ("flow/act",)))
