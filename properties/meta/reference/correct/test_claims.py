"""What the texts of the two exercises claim of freezing, each claim as its own check."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from frostproof import OptaxFreeze
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.optimizers.optax_releases import too_new
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.strategies.optimizers import named

PARAMS = {"frozen": jnp.asarray([0.5, -0.25]), "free": jnp.asarray([1.0, 2.0])}
ONES, ZEROS = jax.tree.map(jnp.ones_like, PARAMS), jax.tree.map(jnp.zeros_like, PARAMS)
MASK = {"frozen": True, "free": False}


def gradients_zeroed(tx, mask):
    """Freeze by zeroing gradients before the optimizer."""
    return optax.chain(optax.freeze(mask), tx)


def updates_zeroed(tx, mask):
    """Freeze by zeroing updates after the optimizer."""
    return optax.chain(tx, optax.freeze(mask))


def verdict(law, fn, *optimizers):
    """Judge a wrapper by one law, under these optimizers."""
    subject = OptaxFreeze(fn, optimizers=named(*optimizers))
    effort = Effort(max_examples=50, seed=0, shrinking=0)
    return judge(BY_ID[law], subject, effort, CallCache(), fn.__name__)


def steps(tx, params, *gradients):
    """Return parameters and state after these gradients."""
    state = tx.init(params)
    for gradient in gradients:
        updates, state = tx.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


# "A zero gradient means no movement under SGD."


def test_a_zero_gradient_moves_nothing_under_sgd():
    """It holds for plain SGD, at every learning rate."""
    assert verdict("frozen-value", gradients_zeroed, "sgd").outcome == "held"
    assert verdict("frozen-any-learning-rate", gradients_zeroed, "sgd").outcome == "held"


MOVING = ("adamw", "lion", "yogi", "fromage", "noisy_sgd", "madgrad")


@pytest.mark.parametrize("name", [name for name in MOVING if not too_new(name)])
def test_a_zero_gradient_moves_a_leaf_under_other_optimizers(name):
    """It does not hold for optimizers that move a leaf by themselves: refuted, with an example."""
    found = verdict("frozen-value", gradients_zeroed, name)

    assert found.outcome == "refuted"
    assert name in found.reason


@pytest.mark.parametrize("name", ["momentum", "adam", "rmsprop_momentum"])
def test_a_zero_gradient_moves_a_leaf_that_has_momentum(name):
    """Nor where the freeze comes after some ordinary steps: the averages are no longer zero."""
    tx = optimizer(name).transformation
    warm, _ = steps(tx, PARAMS, ONES)
    later, _ = steps(tx, PARAMS, ONES, ZEROS)

    assert (warm["frozen"] != later["frozen"]).all()


# "Zeroing the gradient and set_to_zero agree under SGD."


def test_both_ways_of_zeroing_agree_in_value_under_sgd():
    """They keep the same values, and train the other leaf to the same bits."""
    first, _ = steps(gradients_zeroed(optax.sgd(0.1), MASK), PARAMS, ONES, ONES)
    second, _ = steps(updates_zeroed(optax.sgd(0.1), MASK), PARAMS, ONES, ONES)

    assert all((first[name] == second[name]).all() for name in PARAMS)


def test_they_differ_in_the_bits_of_a_negative_zero():
    """A zeroed gradient becomes an update of −0.0, which keeps −0.0; a zeroed update is +0.0."""
    params = {"frozen": jnp.asarray([-0.0]), "free": jnp.asarray([1.0])}
    ones = jax.tree.map(jnp.ones_like, params)
    first, _ = steps(gradients_zeroed(optax.sgd(0.1), MASK), params, ones)
    second, _ = steps(updates_zeroed(optax.sgd(0.1), MASK), params, ones)

    assert np.signbit(first["frozen"]).all()
    assert not np.signbit(second["frozen"]).any()
    assert verdict("frozen-special-weights", updates_zeroed, "sgd").outcome == "refuted"


# "Under Adam the running averages collapse to zero with zeroed gradients, and go on with zeroed
# updates."


def test_averages_collapse_under_zeroed_gradients():
    """From a warm state they shrink by their decay at each step; from a fresh one they stay 0."""
    _, warm = steps(optax.adam(0.1), PARAMS, ONES)
    _, later = steps(optax.adam(0.1), PARAMS, ONES, *[ZEROS] * 100)
    _, fresh = steps(gradients_zeroed(optax.adam(0.1), MASK), PARAMS, ONES, ONES)

    shrunk = later[0].mu["frozen"] / warm[0].mu["frozen"]
    np.testing.assert_allclose(shrunk, 0.9**100, rtol=1e-4)
    assert not fresh[1][0].mu["frozen"].any()
    assert verdict("frozen-optimizer-state", gradients_zeroed, "adam").outcome == "held"


def test_averages_go_on_under_zeroed_updates():
    """They follow the gradients of the frozen leaf as if it trained."""
    _, state = steps(updates_zeroed(optax.adam(0.1), MASK), PARAMS, ONES, ONES)
    _, plain = steps(optax.adam(0.1), PARAMS, ONES, ONES)

    assert (state[0][0].mu["frozen"] == plain[0].mu["frozen"]).all()
    assert plain[0].mu["frozen"].all()
    assert verdict("frozen-optimizer-state", updates_zeroed, "adam").outcome == "refuted"


# "Path entries without .key fall through safely."


class Layers(nnx.Module):
    """Layers by these names."""

    def __init__(self, *names):
        """Make them."""
        for name in names:
            setattr(self, name, nnx.Linear(2, 2, rngs=nnx.Rngs(0)))

    def __call__(self, x):
        """Go through all of them."""
        return sum(layer(x) for layer in vars(self).values() if isinstance(layer, nnx.Linear))


def recipe(grads):
    """Zero the gradients of `l1` by the joined keys of their paths, as the exercise does."""

    def zero(path, g):
        joined = ".".join(str(getattr(entry, "key", "")) for entry in path)
        return jnp.zeros_like(g) if joined.startswith("l1") else g

    return jax.tree_util.tree_map_with_path(zero, grads)


def loss(model):
    """Return something that every leaf changes."""
    return (model(jnp.ones((1, 2))) ** 2).sum()


def test_entries_without_a_key_fall_through():
    """`.value` at the end of a path has no key: nothing raises, and `l1` is frozen alone."""
    grads = recipe(nnx.grad(loss)(Layers("l1", "l2")))

    assert not grads["l1"]["kernel"][...].any()
    assert grads["l2"]["kernel"][...].any()


def test_entries_without_a_key_fall_through_unsafely():
    """Of a module that `jax.grad` differentiates no entry has one: nothing is frozen, silently."""
    grads = recipe(jax.grad(loss)(Layers("l1", "l2")))

    assert grads.l1.kernel[...].any()


# 'startswith("l1") is safe only while no l11 exists.'


@pytest.mark.parametrize("sibling", ["l2", "xl1", "l11", "l10"])
def test_a_prefix_is_safe_while_no_name_goes_on(sibling):
    """`l11` and `l10` are frozen with `l1`; `l2` and `xl1` are not."""
    grads = recipe(nnx.grad(loss)(Layers("l1", sibling)))

    assert grads[sibling]["kernel"][...].any() == (not sibling.startswith("l1"))


# "Restoring after the update keeps the parameter and skews the next step's statistics."


def test_restoring_keeps_the_parameter_and_skews_what_follows():
    """The optimizer has seen gradients of the restored leaf: let free, it moves otherwise than one
    that was never seen.
    """
    tx = optax.adam(0.1)
    updates, state = tx.update(ONES, tx.init(PARAMS), PARAMS)
    restored = {**optax.apply_updates(PARAMS, updates), "frozen": PARAMS["frozen"]}
    unlike = jax.tree.map(jnp.negative, ONES)
    skewed, _ = tx.update(unlike, state, restored)
    clean, _ = tx.update(unlike, tx.init(restored), restored)

    assert (restored["frozen"] == PARAMS["frozen"]).all()
    assert (skewed["frozen"] != clean["frozen"]).all()


def test_restoring_lets_frozen_gradients_into_a_global_norm():
    """In the very same step already, where the optimizer clips by the norm of all gradients."""
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
    large = {**ONES, "frozen": 1000 * ONES["frozen"]}
    first, second = (steps(updates_zeroed(clipped, MASK), PARAMS, g)[0] for g in (ONES, large))

    assert (first["free"] != second["free"]).all()


# What the field notes add, of the same kind.


def test_a_nan_reaches_frozen_leaves_through_clipping():
    """A NaN in a trainable gradient makes the norm NaN, and 0 · NaN the zeroed gradient."""
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
    gradient = {"frozen": jnp.ones(2), "free": jnp.asarray([jnp.nan, 1.0])}
    zeroed, _ = steps(gradients_zeroed(clipped, MASK), PARAMS, gradient)
    held, _ = steps(updates_zeroed(clipped, MASK), PARAMS, gradient)

    assert np.isnan(zeroed["frozen"]).all()
    assert (held["frozen"] == PARAMS["frozen"]).all()


def test_a_zero_gradient_makes_nan_of_float16_under_adam():
    """Its epsilon of 1e-8 is zero in float16: 0/0."""
    params = jax.tree.map(lambda p: p.astype(jnp.float16), PARAMS)
    moved, _ = steps(optax.adam(0.1), params, jax.tree.map(jnp.zeros_like, params))

    assert np.isnan(moved["frozen"]).all()
