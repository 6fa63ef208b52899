"""The x-ray sees each update of eager, compiled and scanned steps once, and leaves no trace."""

import cProfile
import pstats

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference import linen
from frostproof.reference.observation import update_hooks as watching
from frostproof.reference.observation.undone_updates import restores
from frostproof.reference.observation.update_hooks import watching_updates
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.values import EDGES

PARAMS = {"a": jnp.ones(3), "b": jnp.zeros(2)}
UPDATES = {"a": jnp.full(3, 0.5), "b": jnp.ones(2)}


def step(params, updates):
    return optax.apply_updates(params, updates)


def scanned(params, updates):
    def body(params, _):
        return optax.apply_updates(params, updates), None

    return jax.lax.scan(body, params, length=1)[0]


def assert_seen_once(updates):
    (update,) = updates
    np.testing.assert_array_equal(update.before["a",], [1, 1, 1])
    np.testing.assert_array_equal(update.after["a",], [1.5, 1.5, 1.5])
    np.testing.assert_array_equal(update.after["b",], [1, 1])


@pytest.mark.parametrize("way", [step, jax.jit(step), scanned, jax.jit(scanned)])
def test_an_update_is_seen_with_its_values(way):
    """Also in a step that was compiled before anybody watched, and each time that it runs."""
    way(PARAMS, UPDATES)
    for _ in range(2):
        with watching_updates() as updates:
            way(PARAMS, UPDATES)
        assert_seen_once(updates)


def test_a_watched_step_is_traced_once_more_and_once_only():
    """No compilation for each example: watched calls share one trace."""
    traces = []

    @jax.jit
    def counted(params, updates):
        traces.append(1)
        return optax.apply_updates(params, updates)

    counted(PARAMS, UPDATES)
    for _ in range(3):
        with watching_updates():
            counted(PARAMS, UPDATES)
        counted(PARAMS, UPDATES)

    assert len(traces) == 2


class Model(nnx.Module):
    def __init__(self):
        self.layer = nnx.Linear(2, 1, rngs=nnx.Rngs(0))


def gradients(model):
    return nnx.grad(lambda model: model.layer(jnp.ones((1, 2))).sum())(model)


@pytest.mark.parametrize("compiled", [False, True])
def test_an_nnx_update_is_seen_once(compiled):
    """nnx.Optimizer.update calls optax.apply_updates: one update, not two."""
    model = Model()
    optimizer = nnx.Optimizer(model, optax.sgd(1.0), wrt=nnx.Param)

    def train(model, optimizer):
        optimizer.update(model, gradients(model))

    before = np.array(model.layer.kernel[...])
    with watching_updates() as updates:
        (nnx.jit(train) if compiled else train)(model, optimizer)

    (update,) = updates
    np.testing.assert_array_equal(update.before["layer", "kernel"], before)
    np.testing.assert_array_equal(update.after["layer", "kernel"], model.layer.kernel[...])


def test_swapped_arguments_show_a_module_that_stays():
    """`optimizer.update(grads, model)` raises nothing; what is seen is the module, unmoved."""
    model = Model()
    optimizer = nnx.Optimizer(model, optax.sgd(1.0), wrt=nnx.Param)

    with watching_updates() as updates:
        optimizer.update(gradients(model), model)

    (update,) = updates
    np.testing.assert_array_equal(update.before["layer", "kernel"], update.after["layer", "kernel"])


def test_nothing_is_left_behind():
    """Where frostproof is a guest in somebody's process, the functions are put back."""
    watching.uninstall()
    plain = optax.apply_updates, nnx.Optimizer.update

    with watching_updates():
        assert optax.apply_updates is not plain[0]

    assert (optax.apply_updates, nnx.Optimizer.update) == plain


def train(seed, x, y, lr, *, finish):
    """Train both layers, and let `finish` say what becomes of the first one."""
    params = linen.initialise(np.uint32(seed), x)

    def loss_fn(params):
        return jnp.mean((linen.model.apply(params, x).squeeze(-1) - y) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    moved = optax.apply_updates(params, jax.tree.map(lambda g: -lr * g, grads))
    before = linen.kernel_norm(params)
    return [loss, finish(params, moved, before), before]


def restore(params, moved, before):
    kept = {**moved["params"], "Dense_0": params["params"]["Dense_0"]}
    return linen.kernel_norm({"params": kept})


def restore_from_numpy(params, moved, before):
    saved = jax.device_get(params)
    kept = jax.tree.map(lambda new: new, moved)
    kept["params"]["Dense_0"] = saved["params"]["Dense_0"]
    return np.linalg.norm(kept["params"]["Dense_0"]["kernel"])


def pretend(params, moved, before):
    return before


@pytest.mark.parametrize(
    ("finish", "outcome"),
    [(restore, "not-run"), (restore_from_numpy, "not-run"), (pretend, "refuted")],
)
def test_a_program_that_restores_is_told_from_one_that_pretends(finish, outcome):
    """Both make the same update and give the same answer; only one holds the restored weights."""

    def fn(seed, x, y, lr):
        return train(seed, x, y, lr, finish=finish)

    law = BY_ID["answer-xray-frozen"]
    effort = Effort(4, seed=0, shrinking=0, shapes=EDGES[:1])  # it compiles each operation
    verdict = judge(law, Exercise(fn), effort, CallCache(), "fn")

    assert verdict.outcome == outcome, verdict


def frames_left(used=0):
    """How many calls deep a function can still be called."""
    try:
        return frames_left(used + 1)
    except RecursionError:
        return used


def test_no_stack_frame_is_lost():
    """A program may hold what cannot be flattened; X-rays in one process once left no frame."""
    x, y = np.ones((2, 3), np.float32), np.ones(2, np.float32)

    def holding():
        registry = {"inside": {1: "one", "two": 2}}
        return train(len(registry), x, y, 0.1, finish=pretend)

    before = frames_left()
    restores(holding, ("params", "Dense_0", "kernel"))

    assert frames_left() == before


def test_a_profiler_is_left_alone():
    """The x-ray is made in its own thread, and what comes after it is profiled as before."""

    def afterwards():
        pass

    with cProfile.Profile() as profile:
        found = restores(lambda: None, ("params", "Dense_0", "kernel"))
        afterwards()

    assert not found
    assert "afterwards" in {name for *_, name in pstats.Stats(profile).stats}
