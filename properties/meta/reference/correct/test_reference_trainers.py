"""The reference trainers: each keeps what it promises, fails where it says so, and they agree."""

from dataclasses import replace

import hypothesis
import numpy as np
import pytest

from frostproof.reference.correct.trainers import linen_techniques as linen_trainers
from frostproof.reference.correct.trainers import nnx_techniques as nnx_trainers
from frostproof.reference.correct.trainers.peers import counterpart_of
from frostproof.reference.correct.trainers.techniques import rests_without_gradient
from frostproof.reference.observation.run import run as run_subject
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.architecture import Architecture, Layer
from frostproof.reference.problems.architecture_pool import DROPPING, EVERY, NORMALISED, PLAIN, TIED
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.comparison import same_bits, same_value
from frostproof.reference.pytrees.paths import UnmatchedPattern
from frostproof.strategies.architectures import architectures
from frostproof.strategies.optimizers import promised

APIS = {"linen": linen_trainers, "nnx": nnx_trainers}
TRAINERS = [*linen_trainers.TRAINERS, *nnx_trainers.TRAINERS]
DEEP = PLAIN[-1]

every_trainer = pytest.mark.parametrize("trainer", TRAINERS, ids=lambda trainer: trainer.name)
both_apis = pytest.mark.parametrize("trainers", APIS.values(), ids=APIS)


def problem(architecture=PLAIN[0], frozen=("l1",), named="sgd", **fields):
    fields = {"weights": "redrawn", "actions": ("step",) * 3} | fields
    rated = optimizer(named, learning_rate=0.1)
    return TrainingProblem(0, rated, 2, 3, 0, architecture=architecture, frozen=frozen, **fields)


def run(trainer, problem):
    trajectory = run_subject(trainer, problem)
    if trajectory.raised:
        raise trajectory.raised
    return trajectory


def moved(step, path, same=same_value):
    return not same(step.before.params[path].array, step.after.params[path].array)


def frozen_moves(trajectory, same=same_value):
    return {path for step in trajectory.steps for path in step.frozen if moved(step, path, same)}


@every_trainer
def test_frozen_leaves_stay_and_all_others_move(trainer):
    """In every architecture; what is frozen is the layer, or the block, that comes second."""
    for architecture in EVERY:
        name = architecture.layers[1].path[0]

        trajectory = run(trainer, problem(architecture, (name,)))

        assert {path for path in architecture.leaves if path[0] == name} == trajectory.chosen
        for step in trajectory.steps:
            moving = {path for path in architecture.leaves if moved(step, path)}
            # A norm that follows takes a bias away again: rounding alone moves it, or nothing.
            idle = {path for path in step.trainable if path[1:] == ("dense", "bias")}
            assert moving | idle == step.trainable


@every_trainer
def test_a_leaf_that_is_frozen_later_loses_its_momentum(trainer):
    """Free for two steps, frozen for two: the momentum of the former would carry it on."""
    actions = ("unfreeze", "step", "step", "freeze", "step", "step")

    trajectory = run(trainer, problem(named="momentum", actions=actions))

    kernel = ("l1", "kernel")
    assert [moved(step, kernel) for step in trajectory.steps] == [True, True, False, False]
    assert all(moved(step, ("l2", "kernel")) for step in trajectory.steps)


@every_trainer
def test_the_optimizer_forgets_no_leaf_that_stays_trainable(trainer):
    """A freeze that changes nothing changes nothing: the momentum of all others is still there."""
    plain = run(trainer, problem(named="momentum"))
    again = run(trainer, problem(named="momentum", actions=("step", "freeze", "step", "step")))

    for path, leaf in plain.last.params.items():
        assert same_bits(leaf.array, again.last.params[path].array)


@every_trainer
def test_a_pattern_that_names_no_leaf_raises_at_once(trainer):
    with pytest.raises(UnmatchedPattern, match=r"did you mean `l11`.*l1/kernel, l1/bias, l11/kern"):
        trainer.trainer(PLAIN[1], ("l1", "l111"))


def test_the_same_ask_gives_the_same_trainer():
    """For compiled functions hang on it."""
    trainer = linen_trainers.gradient_zeroing
    assert trainer.trainer(TIED, ("l2",)) is trainer.trainer(TIED, ("l2",))


@every_trainer
def test_tied_weights_are_frozen_by_either_name(trainer):
    by_name = run(trainer, problem(TIED, ("l2",)))
    by_alias = run(trainer, problem(TIED, ("l3",)))

    assert by_alias.chosen == by_name.chosen == {("l2", "kernel"), ("l2", "bias")}
    assert by_alias.last.params == by_name.last.params
    assert not frozen_moves(by_alias)


@every_trainer
def test_statistics_stay_in_frozen_layers_and_move_in_others(trainer):
    trajectory = run(trainer, problem(NORMALISED, ("l1",), actions=("step", "unfreeze", "step")))

    def stays(step, layer):
        return [
            same_bits(leaf.array, step.after.model_state[path].array)
            for path, leaf in step.before.model_state.items()
            if path[0] == layer
        ]

    frozen, unfrozen = trajectory.steps
    assert stays(frozen, "l1") == [True, True]
    assert stays(frozen, "l2") == stays(unfrozen, "l1") == stays(unfrozen, "l2") == [False, False]


@every_trainer
def test_dropout_rests_in_frozen_layers(trainer):
    """The seed chooses what is dropped, and nothing else when the weights are drawn."""

    def loss(seed, frozen):
        return run(trainer, replace(problem(DROPPING, frozen), seed=seed)).steps[0].loss

    assert loss(1, ("l1", "l2")) == loss(2, ("l1", "l2"))
    assert len({loss(seed, ("l1",)) for seed in range(5)}) > 1


@pytest.mark.parametrize("trainer", linen_trainers.TRAINERS, ids=lambda trainer: trainer.name)
def test_linen_and_nnx_train_alike(trainer):
    """From the same weights, with the same units dropped, to within the rounding of float32."""
    for architecture in (PLAIN[0], PLAIN[4], TIED, NORMALISED, DROPPING):
        asked = problem(architecture, (architecture.first,), named="adam")
        one, other = run(trainer, asked), run(counterpart_of(trainer), asked)

        assert one.first.params.keys() == other.first.params.keys()
        for path, leaf in one.last.params.items():
            assert leaf.array == pytest.approx(other.last.params[path].array, rel=1e-3, abs=1e-4)
        for step, counterpart in zip(one.steps, other.steps, strict=True):
            assert step.loss == pytest.approx(counterpart.loss, rel=1e-4)


@both_apis
def test_eager_training_takes_gradients_of_the_trainable_part(trainers):
    """In NNX by `DiffState`, which the compiled one does without."""
    asked = problem(DEEP, ("layer_3", "layer_10"))
    one, other = (
        run(trainers.trainable_subset, replace(asked, eager=eager)) for eager in (False, True)
    )

    for path, leaf in one.last.params.items():
        assert leaf.array == pytest.approx(other.last.params[path].array, rel=1e-3, abs=1e-5)


# What a technique does not promise, it does not keep.


@both_apis
def test_zeroed_and_stopped_gradients_do_not_stop_weight_decay(trainers):
    assert frozen_moves(run(trainers.gradient_zeroing, problem(named="adamw")))
    assert frozen_moves(run(trainers.stop_gradient, problem(named="lion")))
    for name in ("adamw", "lion"):
        assert not trainers.gradient_zeroing.optimizers(CATALOGUE[name].facts)


@both_apis
def test_an_update_of_zero_is_not_the_identity(trainers):
    """-0.0 + 0.0 is +0.0, unless the update is left out, or the old leaf put back."""
    special = problem(weights="special", frozen=("l1",))
    keeps = {
        trainer.technique.name
        for trainer in trainers.TRAINERS
        if not frozen_moves(run(trainer, special), same_bits)
    }

    assert keeps == {"trainable subset", "restore after update"}
    assert keeps == {t.technique.name for t in trainers.TRAINERS if "bits" in t.promise}


@both_apis
def test_frozen_gradients_leak_through_clipping(trainers):
    """Where the optimizer is given them: what is trainable moves by another length."""
    clipped = replace(problem(), optimizer=optimizer("clip_by_global_norm", optimizer("sgd")))

    def leaks(trainer):
        plain, scaled = (run(trainer, replace(clipped, disturbed=d)) for d in ("", "scaled"))
        path = ("l2", "kernel")
        return not same_value(plain.last.params[path].array, scaled.last.params[path].array)

    leaking = {trainer.technique.name for trainer in trainers.TRAINERS if leaks(trainer)}
    assert leaking == {"freeze in chain", "restore after update"}


@both_apis
def test_moments_of_frozen_leaves_are_collected(trainers):
    """By an optimizer that sees their gradients; the next steps after an unfreeze show it."""

    def collects(trainer):
        inner = run(trainer, problem(named="adam")).steps[-1].given.inner
        return any("l1" in path and "mu" in path and leaf.any() for path, leaf in inner.items())

    collecting = {trainer.technique.name for trainer in trainers.TRAINERS if collects(trainer)}
    assert collecting == {"freeze in chain", "restore after update"}
    assert not any("inert" in t.promise for t in trainers.TRAINERS if collects(t))


# What is drawn for them.


def test_a_promise_over_some_optimizers_draws_only_those():
    drawn = set()

    @hypothesis.settings(max_examples=50, database=None, derandomize=True)
    @hypothesis.given(promised(rests_without_gradient))
    def collect(each):
        drawn.add(each.name)

    collect()
    assert drawn == {"sgd", "momentum", "nesterov", "adam", "rmsprop", "adagrad", "lamb"}


def test_the_simplest_draw_is_two_layers_with_the_first_frozen():
    def found(condition):
        settings = hypothesis.settings(database=None, derandomize=True, deadline=None)
        return hypothesis.find(architectures(), condition, settings=settings)

    assert found(lambda drawn: True) == (PLAIN[0], ("l1",))
    assert found(lambda drawn: "encoder" in drawn[1])[0] == PLAIN[4]


def test_what_is_drawn_can_be_recorded():
    for architecture in EVERY:
        asked = problem(architecture, (architecture.first,))
        assert TrainingProblem.read(asked.record()) == asked
    with pytest.raises(ValueError, match="not a record of an architecture"):
        Architecture.read({"layers": [{"nam": "l1"}]})


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Layer("a", width=2)], "2 to 12 dense layers"),
        ([Layer("a", width=2), Layer("a", width=2)], "inside a, or be it"),
        ([Layer("a", width=2), Layer("a/b", width=2)], "a/b would lie inside a"),
        ([Layer("a", width=2), Layer("b")], "have a width"),
        ([Layer("a", width=2), Layer("b.c", width=2)], "not a path of identifiers"),
        ([Layer("a", width=2), Layer("b", "tied", shares="a")], "other than the first"),
        (
            [Layer("a", width=3), Layer("b", width=2), Layer("c", "tied", shares="b")],
            "inputs of another width",
        ),
        (
            [Layer("a/x", width=2), Layer("b", width=2), Layer("a/y", width=2)],
            "block a do not stand together",
        ),
    ],
)
def test_an_architecture_that_cannot_be_built_is_an_error(layers, message):
    with pytest.raises(ValueError, match=message):
        Architecture(tuple(layers))


def test_names_are_those_of_the_tree():
    """The paths that an architecture tells are the paths that both APIs give."""
    for architecture in EVERY:
        for trainer in (linen_trainers.gradient_zeroing, nnx_trainers.gradient_zeroing):
            asked = problem(architecture, (architecture.first,), actions=("step",))
            assert set(run(trainer, asked).first.params) == set(architecture.leaves)
    assert np.isin("l3", [path[0] for path in TIED.names])
