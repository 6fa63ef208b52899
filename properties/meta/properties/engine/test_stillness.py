"""Why trainable leaves stay: what is known of all of them is told, and only causes that fit."""

import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof import LinenTrainer
from frostproof.properties.engine.causes.reason import NOTHING_MOVES, extent
from frostproof.properties.engine.causes.stillness import reasons_to_stay
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
    where,
)
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

BODY, HEAD = ("layers_0",), ("layers_2",)
MODEL = Layers(("layers_0", "layers_2"))
SGD = optimizer("sgd")
ALL_STAY = "; both trainable leaves stay"


def everything(path):
    """Every layer is called so, and no leaf trains."""
    return path[0].key.startswith("layers")


def all_but_a_bias(path):
    """Of the head one leaf trains, and of the body none."""
    return path[0].key in BODY or path[-1].key == "kernel"


def all_but_a_frozen_bias(path):
    """No leaf of the head trains, and one of the body does."""
    return path[0].key in HEAD or path[-1].key == "kernel"


def labelled(rule):
    return LinenTrainer(
        creating(MODEL, lambda optimizer: partitioned(optimizer, rule)), stepping(), frozen=BODY
    )


def set_to_zero(rule):
    def freeze(optimizer):
        def mask(params):
            return jax.tree_util.tree_map_with_path(lambda path, _: rule(path), params)

        return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

    return LinenTrainer(creating(MODEL, freeze), stepping(), frozen=BODY)


def zeroed(rule):
    step = stepping(lambda gradients: where(rule, jnp.zeros_like, gradients))
    return LinenTrainer(creating(MODEL), step, frozen=BODY)


def told(subject, leaf, row=SGD):
    """The first reason why a leaf of the head stays."""
    trajectory = run(subject, TrainingProblem(0, row, 2, 3, 0))
    return next(reasons_to_stay(subject, trajectory, (*HEAD, leaf)))


@pytest.mark.parametrize(
    ("freeze", "kind"),
    [(labelled, "all left out"), (set_to_zero, "all kept"), (zeroed, "all zeroed")],
)
def test_a_rule_that_catches_all_leaves_is_no_inverted_mask(freeze, kind):
    """By an inverted mask the frozen leaves would move."""
    reason = told(freeze(everything), "bias")

    assert reason.kind == kind
    assert kind in NOTHING_MOVES
    assert "a prefix or a rule catches all leaves" in reason.text
    assert "inverted" not in reason.text
    assert reason.text.endswith(ALL_STAY)
    assert reason.fault["leaves"] == ["layers_2/bias", "layers_2/kernel"]


@pytest.mark.parametrize(
    ("freeze", "kind"),
    [(labelled, "left out"), (set_to_zero, "not applied"), (zeroed, "gradient of zero")],
)
@pytest.mark.parametrize(
    ("rule", "extent"),
    [(all_but_a_bias, "1 of 2 trainable leaves stays"), (all_but_a_frozen_bias, ALL_STAY)],
)
def test_a_rule_that_catches_some_leaves_is_neither(freeze, kind, rule, extent):
    """Where a trainable leaf moves, or some frozen one stays, it says what the optimizer gets."""
    reason = told(freeze(rule), "kernel")

    assert reason.kind == kind
    assert reason.text.endswith(extent)


@pytest.mark.parametrize(
    ("freeze", "kind"), [(set_to_zero, "not applied"), (zeroed, "gradient of zero")]
)
def test_leaves_that_wait_for_the_optimizer_are_not_counted(freeze, kind):
    """In the first of two steps that make one update, no leaf moves."""
    waiting = optimizer("multi_steps", optimizer("sgd", learning_rate=0.1), every_k_schedule=2)

    reason = told(freeze(all_but_a_bias), "kernel", waiting)

    assert reason.kind == kind
    assert reason.text.endswith("1 of 2 trainable leaves stays")


def test_where_nothing_is_frozen_an_inverted_mask_catches_all():
    """Then no leaf can tell the two apart."""
    trainer = LinenTrainer(
        creating(MODEL, lambda optimizer: partitioned(optimizer, everything)),
        stepping(),
        frozen=(),
    )

    assert "or it is inverted" in told(trainer, "bias").text


def test_a_decay_alone_is_told_from_a_gradient():
    """A penalty gives the optimizer a gradient of a leaf that nothing else pulls."""
    penalty = stepping(lambda gradients: jax.tree.map(jnp.zeros_like, gradients), after=decayed)

    reason = told(LinenTrainer(creating(MODEL), penalty, frozen=BODY), "kernel")

    assert reason.kind == "decay alone"
    assert "nothing but a decay or a penalty on the weights moves it" in reason.text
    assert reason.text.endswith("; both trainable leaves decay at most")
    assert reason.fault["leaves"] == ["layers_2/kernel"]  # the bias is zero, and stays so


def decayed(old, new):
    """The head shrinks, past the optimizer."""
    head = jax.tree.map(lambda w: 0.9 * w, new.params["layers_2"])
    return new.replace(params=new.params | {"layers_2": head})


def test_the_leaf_that_does_not_stay_is_named():
    """Where it is the only one, as the second matrix of an adapter whose first one is cut off."""
    known = {(layer, name) for layer in ("down", "up") for name in ("bias", "kernel")}

    said = extent(known - {("up", "kernel")}, known, "trainable", "stay")

    assert said == "3 of 4 trainable leaves stay, all but up/kernel"


BLOCK = {
    *((layer, name) for layer in ("embed", "head") for name in ("bias", "kernel")),
    *(("block", layer, name) for layer in ("key", "mlp", "out") for name in ("bias", "kernel")),
    ("block", "norm", "bias"),
    ("block", "norm", "scale"),
}


@pytest.mark.parametrize(
    ("reached", "verb", "said"),
    [
        (
            lambda path: path[-1] in ("bias", "scale"),
            "move",
            "every frozen `bias` and `scale` moves (7), no other frozen leaf",
        ),
        (
            lambda path: path[0] == "block" and path[-1] == "bias",
            "move",
            "every frozen `bias` under `block` moves (4), no other frozen leaf",
        ),
        (
            lambda path: "key" in path or "mlp" in path,
            "move",
            "all 4 leaves under `block/key` and `block/mlp` move, no other frozen leaf",
        ),
        (
            lambda path: path[:2] in (("embed", "bias"), ("head", "kernel")),
            "move",
            "2 of 12 frozen leaves move",
        ),
        (
            lambda path: path == ("head", "bias"),
            "move at most without a gradient",
            "1 of 12 frozen leaves moves at most without a gradient",
        ),
        (
            lambda path: path[-1] == "bias",
            "decay at most",
            "every frozen `bias` decays at most (6), no other frozen leaf",
        ),
    ],
    ids=["two names", "a name in a layer", "two layers", "nothing", "one", "one name"],
)
def test_it_is_said_what_leaves_have_in_common(reached, verb, said):
    """A number does not say which they are."""
    assert extent({path for path in BLOCK if reached(path)}, BLOCK, "frozen", verb) == said


def same_state(state, batch):
    """Compute the loss, and hand back what came."""
    return state, jnp.mean(batch.y**2)


def not_applied(state, batch):
    """Count the step, and forget the gradients."""
    return state.replace(step=state.step + 1), jnp.mean(batch.y**2)


def copied(state, batch):
    """Hand back copies of what came."""
    return jax.tree.map(jnp.array, state), jnp.mean(batch.y**2)


def test_a_step_that_runs_compiled_alone_is_told_too():
    """What it returns where nothing is compiled is not known."""

    @jax.jit
    def step(state, batch):
        assert isinstance(batch.x, jax.core.Tracer)
        return same_state(state, batch)

    trainer = LinenTrainer(creating(MODEL), step, frozen=BODY)

    assert told(trainer, "bias").text == (
        "no leaf moves: the step changes nothing of what the training carries"
    )


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "as it is"])
@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (same_state, "no leaf moves: `train_step` returns the state that it got"),
        (copied, "no leaf moves: the step changes nothing of what the training carries"),
        (not_applied, "no leaf moves: the optimizer is not called"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_step_that_moves_no_leaf_is_told(step, cause, compiled):
    """The very state is told from one that has the same values, and from one that counts."""
    trainer = LinenTrainer(creating(MODEL), jax.jit(step) if compiled else step, frozen=BODY)

    reason = told(trainer, "bias")
    assert reason.text == cause
    assert reason.kind in NOTHING_MOVES


def test_a_step_that_moves_frozen_leaves_alone_does_not_move_no_leaf():
    """The program's own descent goes to the wrong layer, past the optimizer."""

    def astray(state, batch):
        body = jax.tree.map(lambda leaf: leaf - 0.1, state.params["layers_0"])
        return state.replace(params=state.params | {"layers_0": body}), jnp.mean(batch.y**2)

    trajectory = run(
        LinenTrainer(creating(MODEL), jax.jit(astray), frozen=BODY),
        TrainingProblem(0, optimizer("sgd"), 2, 3, 0),
    )

    assert not [*reasons_to_stay(None, trajectory, (*HEAD, "bias"))]


def test_an_optimizer_that_is_called_late_and_gets_no_leaf_is_not_said_to_be_called_never():
    """`MultiSteps` calls it in each second step; labels leave it nothing."""

    def waiting(optimizer):
        parts = {"trained": optimizer, "frozen": optax.set_to_zero()}
        nothing = optax.multi_transform(parts, {"layers_0": "frozen", "layers_2": "frozen"})
        return optax.MultiSteps(nothing, 2).gradient_transformation()

    trainer = LinenTrainer(creating(MODEL, waiting), stepping(), frozen=BODY)

    reason = told(trainer, "bias")

    assert reason.kind == "all left out"
    assert "the optimizer gets no leaf, and none moves" in reason.text
