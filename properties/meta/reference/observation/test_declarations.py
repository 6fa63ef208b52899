"""What a trainer says of its steps, its beginning and its checkpoints, as a run takes it."""

from dataclasses import replace

import numpy as np
import pytest

from frostproof import NnxTrainer
from frostproof.properties.laws.frozen_leaves import frozen_leaves_begin_as_given
from frostproof.properties.laws.law import Refutation
from frostproof.reference.corpus.accepted.lifetimes import from_checkpoints, own_checkpoints
from frostproof.reference.corpus.accepted.lifetimes.skipped_steps import apply_if_finite
from frostproof.reference.observation.checkpoint import CheckpointRaised
from frostproof.reference.observation.trainer_run import run_trainer
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.subjects.signatures import UnusableSubject

PROBLEM = TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0, actions=("step",) * 4)


def test_each_second_batch_is_bad():
    """The first step is an ordinary one, after which there is a momentum."""
    run = run_trainer(apply_if_finite, replace(PROBLEM, numbers="nan", alternating=True))

    assert [step.skipped for step in run.steps] == [False, True, False, True]


def test_a_step_on_the_edge_is_not_said_to_be_skipped():
    """Whoever computes in another order may come to another answer there."""
    edge = float(np.abs(PROBLEM.batch(1).x).max())

    def skipping(limit):
        return replace(apply_if_finite, skips=lambda state, batch: abs(batch.x).max() > limit)

    assert run_trainer(skipping(edge * 0.9), PROBLEM).steps[0].skipped
    assert not run_trainer(skipping(edge * 0.99), PROBLEM).steps[0].skipped
    assert not run_trainer(skipping(edge), PROBLEM).steps[0].skipped


def test_what_is_to_begin_with_may_be_a_function():
    """It is asked once for all runs."""
    run = run_trainer(from_checkpoints.module_of_a_checkpoint, PROBLEM)

    assert run.initial is run_trainer(from_checkpoints.module_of_a_checkpoint, PROBLEM).initial
    assert ("encoder", "kernel") in run.initial


def test_a_checkpoint_that_raises_keeps_the_cause():
    """And says which of the two functions it was."""

    def load(state, folder):
        raise OSError("no such file")

    run = run_trainer(
        replace(own_checkpoints.state_as_msgpack, load=load),
        replace(PROBLEM, actions=("step", "checkpoint", "step")),
    )

    assert isinstance(run.raised, CheckpointRaised)
    assert str(run.raised) == "`load`"
    assert isinstance(run.raised.__cause__, OSError)


def test_to_save_is_to_load():
    """One without the other is refused as the trainer is made."""
    with pytest.raises(UnusableSubject, match="`save` and `load` go together"):
        replace(own_checkpoints.state_as_msgpack, save=None)


def test_a_checkpoint_may_have_a_tied_weight_by_its_other_name():
    """The module is known as `also`, which comes first, and was saved as `encoder`."""
    checkpoint = from_checkpoints.module_of_a_checkpoint.beginning

    def create(seed, batch, optimizer):
        model, optimizer = from_checkpoints.module_of_a_checkpoint.create(seed, batch, optimizer)
        model.also = model.encoder
        return model, optimizer

    tied = NnxTrainer(
        create, lambda *arguments: 0.0, frozen=("also",), initial=lambda: {"encoder": changed}
    )
    encoder = [path for path in checkpoint if path[0] == "encoder"]
    changed = {path[-1]: checkpoint[path].array for path in encoder}
    frozen_leaves_begin_as_given.check(run_trainer(tied, PROBLEM))

    changed["kernel"] = changed["kernel"] + 1
    with pytest.raises(Refutation, match="also/kernel: frozen leaf begins with other values"):
        frozen_leaves_begin_as_given.check(run_trainer(replace(tied), PROBLEM))
