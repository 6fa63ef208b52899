"""The cause of an exercise that trains what is to stay: its layers have changed places, or not."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof import Exercise
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Refutation, collect
from frostproof.reference.corpus.specimens.exercises import selection
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    freeze_nothing,
    in_hidden,
    in_output,
    then,
    zero_where,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.observation.exercise_run import call_exercise
from frostproof.reference.problems.exercise_problem import ExerciseProblem

LAWS = ("answer-norms-equal", "answer-xray-frozen", "answer-xray-moves")
TOLD = "the mask is inverted: in the updates the first layer takes the step, and the head stays"


def problem(api, **fields):
    plain = {"seed": 3, "learning_rate": 0.1, "rows": 5, "features": 3, "outputs": 1}
    return ExerciseProblem(api, **plain | {"regime": "ordinary", "fill": 0} | fields)


def cause(law, fn, api, **fields):
    """Return what is told of a law that an exercise fails, as a run finds it."""
    subject = Exercise(fn, api)
    call = call_exercise(subject, problem(api, **fields), watched=BY_ID[law].watched)
    with pytest.raises(Refutation) as found:
        collect(lambda: BY_ID[law].check(call))
    return cause_of(BY_ID[law], subject, [call], found.value)


@LINEN.replacing("freeze", optimizer=lambda lr: then(optax.sgd(lr), in_hidden, lambda u, w: u - w))
def head_frozen_and_decay(gradients, x, lr):
    """The head is frozen, and what moves the first layer is more than its gradient."""
    return zero_where(in_output, gradients)


@LINEN.replacing("freeze", optimizer=lambda lr: then(optax.sgd(lr), in_hidden, lambda u, w: u - w))
def all_frozen_and_decay(gradients, x, lr):
    """Nothing gets its gradient, and the first layer decays."""
    return jax.tree.map(lambda leaf: 0 * leaf, gradients)


@LINEN.replacing("freeze")
def head_kernel_frozen(gradients, x, lr):
    """Of the head the kernel alone is frozen, and all else trains."""
    return zero_where(lambda path: in_output(path) and path[-1] == "kernel", gradients)


@LINEN.replacing("freeze")
def all_frozen(gradients, x, lr):
    """Nothing trains."""
    return jax.tree.map(lambda leaf: 0 * leaf, gradients)


class Net(nn.Module):
    """The network of the exercise."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(8)(x))
        return nn.Dense(1)(x)[:, 0]


def put_back(seed, x, y, lr):
    """The head is frozen, and the first layer trains until it is put back."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)["params"]
    loss, grads = jax.value_and_grad(lambda p: jnp.mean((Net().apply({"params": p}, x) - y) ** 2))(
        params
    )
    updates = {"Dense_0": jax.tree.map(lambda g: -lr * g, grads["Dense_0"])}
    updates["Dense_1"] = jax.tree.map(jnp.zeros_like, grads["Dense_1"])
    new = optax.apply_updates(params, updates) | {"Dense_0": params["Dense_0"]}
    norms = [jnp.linalg.norm(each["Dense_0"]["kernel"]) for each in (new, params)]
    return jnp.array([loss, *norms])


nothing_frozen = LINEN.replacing("freeze")(freeze_nothing)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    ("fn", "api"), [(selection.other_layer_frozen, "linen"), (selection.inverted_selection, "nnx")]
)
def test_a_head_that_is_frozen_in_place_of_the_first_layer_is_named(law, fn, api):
    """By each law that fails for it, as one fault."""
    found = cause(law, fn, api)

    assert (found.text, found.fault["kind"]) == (TOLD, "inverted")
    assert len(found.leaves) == 4


@pytest.mark.parametrize(
    ("law", "fn"),
    [
        ("answer-norms-equal", nothing_frozen),
        ("answer-xray-frozen", selection.only_the_bias_frozen),
        ("answer-norms-equal", head_kernel_frozen),
        ("answer-norms-equal", head_frozen_and_decay),
        ("answer-norms-equal", all_frozen_and_decay),
        ("answer-xray-moves", all_frozen),
        ("answer-xray-moves", put_back),
    ],
)
def test_what_is_not_exchanged_is_not_called_so(law, fn):
    """A freeze that misses, or catches too much, or a step of another sort."""
    assert cause(law, fn, "linen") is None
