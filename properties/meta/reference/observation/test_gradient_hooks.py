"""Gradients of frozen leaves are disturbed wherever they are taken, and those of others never."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from frostproof.reference.observation import gradient_hooks, update_hooks
from frostproof.reference.observation.compilations import compilations
from frostproof.reference.observation.gradient_hooks import (
    Disturbance,
    Sighting,
    disturbing_gradients,
)
from frostproof.reference.optimizers.recording import recording
from frostproof.reference.pytrees.paths import named_leaves

PARAMS = {"body": {"w": jnp.ones(3)}, "head": {"w": jnp.ones((3, 2))}}
SHAPES = {("body", "w"): (3,), ("head", "w"): (3, 2)}
BODY = frozenset({("body", "w")})


def loss(params, x=1.0):
    return jnp.sum(x * params["body"]["w"] @ params["head"]["w"])


def by_grad(params):
    return jax.grad(loss)(params)


def by_value_and_grad(params):
    return jax.value_and_grad(loss, argnums=(0, 1))(params, 1.0)[1][0]


def with_aux(params):
    return jax.grad(lambda p: (loss(p), "aux"), has_aux=True)(params)[0]


def by_vjp(params):
    out, pull_back = jax.vjp(loss, params)
    return pull_back(jnp.ones_like(out))[0]


def deeper(params):
    return jax.grad(lambda variables: loss(variables["params"]))({"params": params})["params"]


def scanned(params):
    def body(total, _):
        return jax.tree.map(jnp.add, total, jax.grad(loss)(params)), None

    return jax.lax.scan(body, jax.tree.map(jnp.zeros_like, params), length=2)[0]


def by_rows(params):
    rows = jax.vmap(jax.grad(loss), (None, 0))(params, jnp.ones(2))
    return jax.tree.map(lambda g: g.sum(0), rows)


def for_each_number(params):
    """Take what Gauss-Newton begins with: the gradients of all residuals beside each other."""
    jacobian = jax.jacrev(lambda p: p["body"]["w"] @ p["head"]["w"])(params)
    return jax.tree.map(lambda rows: rows.sum(0), jacobian)


@pytest.fixture(autouse=True)
def hooked():
    """As in the process in which a target is loaded: some bind what they find at once."""
    gradient_hooks.install()
    yield
    gradient_hooks.uninstall()


WAYS = [by_grad, by_value_and_grad, with_aux, by_vjp, deeper, scanned, by_rows, for_each_number]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("take", WAYS, ids=lambda take: take.__name__)
def test_frozen_gradients_are_disturbed(take, compiled):
    """Also in a program that was compiled before; and nothing is left of it afterwards."""
    take = jax.jit(take) if compiled else take
    plain = take(PARAMS)
    sighting = Sighting()
    with disturbing_gradients(Disturbance("flipped", SHAPES, BODY, sighting)):
        flipped = take(PARAMS)

    np.testing.assert_array_equal(flipped["body"]["w"], -plain["body"]["w"])
    np.testing.assert_array_equal(flipped["head"]["w"], plain["head"]["w"])
    assert sighting.found == set(SHAPES)
    np.testing.assert_array_equal(take(PARAMS)["body"]["w"], plain["body"]["w"])


@pytest.mark.parametrize("take", [by_grad, by_vjp], ids=lambda take: take.__name__)
@pytest.mark.parametrize("outer", ["grad", "vjp", "pull_back"])
def test_a_gradient_within_another_stays(take, outer):
    """What an inner loop adapts by is a part of the loss, and no gradient to train by."""
    seen = []

    @jax.custom_vjp
    def identity(x):
        return x

    def watch(params):
        seen.append(take(PARAMS)["body"]["w"])
        return params

    identity.defvjp(lambda x: (x, None), lambda _, cotangent: (watch(cotangent),))
    sighting = Sighting()
    with disturbing_gradients(Disturbance("flipped", SHAPES, BODY, sighting)):
        if outer == "grad":
            jax.grad(lambda x: watch(x))(1.0)
        elif outer == "vjp":
            jax.vjp(watch, 1.0)
        else:
            _, pull_back = jax.vjp(identity, 1.0)
            pull_back(1.0)
        assert not sighting.found
        flipped = take(PARAMS)["body"]["w"]

    plain = take(PARAMS)["body"]["w"]
    np.testing.assert_array_equal(seen, [plain])
    np.testing.assert_array_equal(flipped, -plain)


@pytest.mark.parametrize("nested_first", [False, True])
def test_a_compiled_gradient_is_told_apart_within_another(nested_first):
    """An inner loop and the training may share it: what was traced for one is not for the other."""
    take = jax.jit(jax.grad(loss))

    def slope(params):
        return jnp.vdot(take(params)["body"]["w"], params["body"]["w"])

    def calls():
        within = jax.value_and_grad(slope)
        if nested_first:
            return within(PARAMS)[0], take(PARAMS)
        return tuple(reversed((take(PARAMS), within(PARAMS)[0])))

    plain = calls()
    with disturbing_gradients(Disturbance("flipped", SHAPES, BODY)):
        disturbed = calls()

    assert disturbed[0] == plain[0]
    np.testing.assert_array_equal(disturbed[1]["body"]["w"], -plain[1]["body"]["w"])


def test_a_disturbed_step_is_traced_once_for_each_disturbance():
    """No compilation for each example."""
    traces = []

    @jax.jit
    def counted(params):
        traces.append(1)
        return jax.grad(loss)(params)

    sighting = Sighting()
    for name in ("flipped", "nan", "flipped", "nan"):
        with disturbing_gradients(Disturbance(name, SHAPES, BODY, sighting)):
            counted(PARAMS)

    assert len(traces) == 2


HEAD = SHAPES.keys() - BODY


@pytest.mark.parametrize("frozen", [BODY, HEAD], ids=["the same leaves", "other leaves"])
def test_programs_that_share_a_step_are_told_apart(frozen):
    """Each is seen; what XLA compiles for one is found again, whatever ran before it."""
    one, other = Sighting(), Sighting()
    first, again = (Disturbance("nan", SHAPES, BODY, one) for _ in range(2))
    second = Disturbance("nan", SHAPES, frozen, other)

    assert first.tag == again.tag != second.tag


def test_an_optimizer_is_not_compiled_anew():
    """Operation by operation it takes a program for each of them, and each was compiled before."""
    optimizer = recording(optax.adam(0.1))
    gradients = jax.grad(loss)(PARAMS)

    state = optimizer.init(PARAMS)

    def take_step():
        updates, _ = optimizer.update(gradients, state, PARAMS)
        return optax.apply_updates(PARAMS, updates)

    update_hooks.install()
    take_step()
    before = compilations()
    with disturbing_gradients(Disturbance("nan", SHAPES, BODY)):
        take_step()

    assert compilations() == before


class Model(nnx.Module):
    def __init__(self):
        self.l1 = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
        self.l11 = nnx.Linear(3, 1, rngs=nnx.Rngs(1))

    def __call__(self, x):
        return self.l11(self.l1(x))


@pytest.mark.parametrize("graph", [True, False])
def test_nnx_differentiates_by_jax(graph):
    """In both of its modes, and whatever it calls the leaves in between."""
    model, x = Model(), jnp.ones((1, 2))
    state = nnx.state(model, nnx.Param)
    shapes = {(layer, name): state[layer][name].shape for layer in state for name in state[layer]}
    frozen = frozenset(path for path in shapes if path[0] == "l1")
    take = nnx.grad(lambda model: model(x).sum(), graph=graph)
    plain = take(model)
    with disturbing_gradients(Disturbance("scaled", shapes, frozen, Sighting())):
        scaled = take(model)

    ratios = jax.tree.map(lambda a, b: float(jnp.max(b / a)), *map(nnx.state, (plain, scaled)))
    ratios = nnx.to_pure_dict(ratios)
    assert ratios["l1"] == pytest.approx({"kernel": 1000, "bias": 1000})
    assert ratios["l11"] == {"kernel": 1, "bias": 1}


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("part", ["l1", "l11"])
def test_nnx_differentiates_by_a_part_of_the_model(part, graph):
    """NNX then knows its leaves as `bias` and `kernel`, below its own names."""
    model, x = Model(), jnp.ones((1, 2))
    state = nnx.state(model, nnx.Param)
    shapes = {(layer, name): state[layer][name].shape for layer in state for name in state[layer]}
    frozen = frozenset(path for path in shapes if path[0] == "l1")
    layer = getattr(model, part)
    take = nnx.grad(lambda layer: layer(x if part == "l1" else model.l1(x)).sum(), graph=graph)
    plain, sighting = take(layer), Sighting()
    with disturbing_gradients(Disturbance("flipped", shapes, frozen, sighting)):
        flipped = take(layer)

    sign = -1 if part == "l1" else 1
    kernels = [named_leaves(taken)["kernel",] for taken in (plain, flipped)]
    np.testing.assert_array_equal(kernels[1], sign * kernels[0])
    assert sighting.found == {path for path in shapes if path[0] == part}


def test_a_gradient_that_can_be_anybodys_is_left_alone():
    """A layer alone, of the shapes of two: disturbing it might change a trainable one."""
    layers = {"body": {"w": jnp.ones(3)}, "head": {"w": jnp.ones(3)}}
    shapes = {(layer, "w"): (3,) for layer in layers}
    sighting = Sighting()
    with disturbing_gradients(Disturbance("flipped", shapes, BODY, sighting)):
        taken = jax.grad(lambda layer: layer["w"].sum())(layers["head"])

    np.testing.assert_array_equal(taken["w"], 1)
    assert not sighting.found


def test_nothing_is_left_behind():
    """Where frostproof is a guest in somebody's process, the functions are put back."""
    gradient_hooks.uninstall()
    plain = jax.grad, jax.value_and_grad, jax.vjp

    with disturbing_gradients(Disturbance("nan", SHAPES, BODY)):
        assert jax.grad is not plain[0]

    assert (jax.grad, jax.value_and_grad, jax.vjp) == plain


def test_the_last_layers_of_a_list_are_not_taken_for_the_first():
    """They have the names of these, and one of them the shape of a frozen leaf."""
    shapes = {("0", "0"): (3, 4), ("0", "1"): (4,), ("1", "0"): (4, 4), ("1", "1"): (4,)}
    frozen, sighting = frozenset({("0", "0"), ("0", "1")}), Sighting()
    with disturbing_gradients(Disturbance("flipped", shapes, frozen, sighting)):
        ((_, bias),) = jax.grad(lambda last: last[0][1].sum())([(jnp.ones((4, 4)), jnp.ones(4))])

    np.testing.assert_array_equal(bias, 1)
    assert sighting.found == {("1", "0"), ("1", "1")}
