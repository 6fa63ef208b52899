"""`frostproof.Guard`, as loops meet it: eager, compiled, scanned, donated, trained in place."""

import gc
from functools import partial

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.core import FrozenDict
from flax.training.train_state import TrainState

import frostproof

FROZEN = ("backbone",)


class Model(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.backbone = nnx.Linear(3, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)


def tree():
    leaves = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    return {
        "backbone": {"kernel": jnp.asarray(leaves[0]), "key": jax.random.key(3)},
        "head": jnp.asarray(leaves[1]),
    }


def train_state():
    return TrainState.create(apply_fn=None, params=tree(), tx=optax.sgd(0.1))


def swapped(leaf):
    return leaf.at[0, 0].set(leaf[1, 0]).at[1, 0].set(leaf[0, 0])


CONTAINERS = {
    "dict": (tree, FROZEN),
    "FrozenDict": (lambda: FrozenDict(tree()), FROZEN),
    "state": (lambda: nnx.state(Model()), FROZEN),
    "pure state": (lambda: nnx.to_pure_dict(nnx.state(Model())), FROZEN),
    "TrainState": (train_state, ("params/backbone",)),
    "list": (lambda: [tree()], ("0/backbone",)),
    "predicate": (tree, lambda path: path[0] == "backbone"),
}


@pytest.mark.parametrize(("made", "frozen"), CONTAINERS.values(), ids=CONTAINERS)
def test_any_tree(made, frozen):
    """What trains may move; of what is frozen two swapped elements are seen, and named."""
    start = made()
    guard = frostproof.Guard(start, frozen)

    def changed(part, change):
        def of(path, leaf):
            hit = part in str(path) and jnp.issubdtype(leaf.dtype, jnp.floating)
            return change(leaf) if hit else leaf

        return jax.tree_util.tree_map_with_path(of, start)

    guard.check(start)
    guard.check(changed("head", lambda leaf: leaf + 1))
    with pytest.raises(
        AssertionError, match=r"(?s)1 of 2 frozen .* value .*backbone/kernel: moved"
    ):
        guard.check(changed("kernel", swapped))


def test_a_module_trained_in_place():
    """By `nnx.jit`, whose step hands out a token; outside the model itself is checked."""
    model = Model()
    optimizer = nnx.Optimizer(model, optax.adam(0.01), wrt=nnx.Param)
    guard = frostproof.Guard(model, FROZEN)

    @nnx.jit
    def step(model, optimizer, kept):
        def loss(model):
            return jnp.mean(model.head(model.backbone(jnp.ones((2, 3)))) ** 2)

        grads = nnx.grad(loss)(model)
        grads["backbone"] = jax.tree.map(lambda g: kept * g, grads["backbone"])
        optimizer.update(model, grads)
        return guard.check(model)

    guard.check(step(model, optimizer, 0.0))
    guard.check(model)
    assert str(guard.report()) == "2 of 2 frozen leaves kept; checks: 2"
    token = step(model, optimizer, 1.0)
    for seen in (token, model):
        with pytest.raises(AssertionError, match="2 of 2 frozen leaves"):
            guard.check(seen)
    assert guard.report().moved == ("backbone/bias", "backbone/kernel")


def test_a_scan_over_donated_buffers():
    """The tokens of all steps come out together, and the first step that broke is named."""
    params = tree()
    guard = frostproof.Guard(params, FROZEN)

    @partial(jax.jit, donate_argnums=0)
    def train(params, broken):
        def step(params, n):
            backbone = params["backbone"]
            kernel = jnp.where(n == broken, -backbone["kernel"], backbone["kernel"])
            params = {"backbone": backbone | {"kernel": kernel}, "head": params["head"] + 1}
            return params, guard.check(params)

        return jax.lax.scan(step, params, jnp.arange(5))

    donated, (params, tokens) = params, train(params, 9)
    guard.check(tokens)
    guard.check(params)
    with pytest.raises(ValueError, match=r"backbone/kernel.* deleted, most likely donated"):
        guard.check(donated)
    params, tokens = train(params, 3)
    with pytest.raises(AssertionError, match="backbone/kernel: moved, first in token 3 of 5"):
        guard.check(tokens)


def test_nothing_is_kept_of_the_model():
    """After it is made a guard holds no array: what it watched is freed with its owner."""
    params = {"backbone": jnp.ones((64, 64)), "head": jnp.ones(3)}
    guard = frostproof.Guard(params, FROZEN)
    guard.check(params)
    gc.collect()
    before = {id(array) for array in jax.live_arrays()}
    gone = id(params["backbone"])

    del params
    gc.collect()

    assert gone in before
    assert gone not in {id(array) for array in jax.live_arrays()}
    assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(vars(guard)))


@pytest.mark.parametrize("promise", ["value", "bits"])
def test_promises(promise):
    """-0 and 0, subnormals and NaN: bits differ, values do not; tokens know it, too."""
    before = {"backbone": np.array([-0.0, 1e-45, np.nan], np.float32)}
    after = {"backbone": np.array([0.0, 0.0, -np.nan], np.float32)}
    guard = frostproof.Guard(before, FROZEN, promise)

    for seen in (after, jax.jit(guard.check)(after)):
        if promise == "value":
            guard.check(seen)
        else:
            with pytest.raises(AssertionError, match="did not keep their bits"):
                guard.check(seen)


def test_leaves_that_are_no_longer_the_same():
    """Vanished, appeared, another shape or dtype: named, in compiled functions at once."""
    guard = frostproof.Guard({"backbone": {"a": jnp.ones(2), "b": jnp.ones(2)}}, FROZEN)

    def fails(words, backbone):
        for check in (guard.check, jax.jit(guard.check)):
            with pytest.raises(AssertionError, match=words):
                check({"backbone": backbone})

    fails(r"1 of 2 .*\n\nbackbone/b: vanished(\n|$)", {"a": jnp.ones(2)})
    fails(r"backbone/a: shape \(2,\) → \(1, 2\)", {"a": jnp.ones((1, 2)), "b": jnp.ones(2)})
    fails("a: dtype float32 → bfloat16", {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(2)})
    fails("backbone/c: appeared", {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones(2)})


def test_leaves_of_other_kinds():
    """NumPy in 64 bits, Python numbers, references and texts; weights tied inside a module."""
    start = {"backbone": [np.float64(0.1), np.arange(3), 0.5, jax.new_ref(jnp.ones(2)), "relu"]}
    guard = frostproof.Guard(start, FROZEN)
    guard.check(start)
    guard.check({"backbone": [*start["backbone"][:2], jnp.float32(0.5), *start["backbone"][3:]]})
    start["backbone"][3][0] = 2.0
    moved = [np.nextafter(0.1, 1), np.array([0, 1, 2 + 2**40]), 0.25, *start["backbone"][3:]]
    with pytest.raises(AssertionError, match="4 of 4 frozen leaves"):
        guard.check({"backbone": moved})

    start = {"backbone": [2**40, np.array([1, 2], ">f4")], "seed": 2**70}
    guard = frostproof.Guard(start, FROZEN)
    guard.check({"backbone": [2**40, np.array([1, 2], "f4")], "seed": 2**70})
    with pytest.raises(AssertionError, match="2 of 2 frozen leaves"):
        guard.check({"backbone": [2**40 + 1, np.array([1, 3], ">f4")]})

    model = Model()
    model.tied = nnx.Linear(3, 4, rngs=nnx.Rngs(1))
    model.tied.kernel = model.backbone.kernel
    guard = frostproof.Guard(model, FROZEN)
    model.tied.kernel[...] = model.tied.kernel[...] * 2
    with pytest.raises(AssertionError, match=r"backbone/kernel: moved$"):
        guard.check(model)


def test_trainable_leaves_that_do_not_move():
    """They are listed until they have moved once; integers and statistics never are."""
    start = {"backbone": jnp.ones(2), "head": jnp.ones(2), "bias": jnp.zeros(2), "step": 0}
    guard = frostproof.Guard(start, FROZEN)

    assert "not looked at: no model was checked" in str(guard.report())
    guard.check({**start, "head": jnp.zeros(2), "bias": jnp.array([0.0, -0.0])})
    guard.check(start)

    report = guard.report()
    assert (report.checks, report.kept, report.still) == (2, ("backbone",), ("bias",))
    assert str(report).endswith("\ntrainable, but not moved since the start: bias")
    model = Model()
    model.norm = nnx.BatchNorm(4, rngs=nnx.Rngs(0))
    guard = frostproof.Guard(model, FROZEN)
    guard.check(model)
    assert guard.report().still == ("head/bias", "head/kernel", "norm/bias", "norm/scale")


def test_statistics_below_a_prefix_are_frozen_unless_parameters_alone_are_given():
    """By the guard and by the assertion: a module shows all of its leaves."""
    model = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
    every = frostproof.Guard({"norm": nnx.state(model)}, ("norm",))
    params = frostproof.Guard({"norm": nnx.state(model, nnx.Param)}, ("norm",))
    before = frostproof.snapshot({"norm": nnx.state(model)})

    model(jnp.ones((2, 3)))

    hint = r"(?s)norm/mean.*\n\nNot a parameter: norm/mean \(BatchStat\), norm/var .*`\.eval\(\)`"
    with pytest.raises(AssertionError, match=hint):
        every.check({"norm": nnx.state(model)})
    with pytest.raises(AssertionError, match=hint):
        frostproof.assert_frozen(before, {"norm": nnx.state(model)}, frozen=("norm",))
    params.check({"norm": nnx.state(model, nnx.Param)})


def test_frozen_leaves_that_a_compiled_function_closes_over():
    """They are constants there, and not traced: a token is returned all the same."""
    frozen, head = tree()["backbone"], tree()["head"]
    guard = frostproof.Guard({"backbone": frozen, "head": head}, FROZEN)

    @partial(jax.jit, static_argnums=1)
    def step(head, scale):
        moved = frozen | {"kernel": frozen["kernel"] * scale}
        return guard.check({"backbone": moved, "head": head + 1})

    guard.check(step(head, 1))
    with pytest.raises(AssertionError, match="backbone/kernel: moved"):
        guard.check(step(head, 2))
    guard.check(jax.jit(lambda: guard.check({"backbone": frozen, "head": head}))())
    with pytest.raises(ValueError, match="make the guard outside"):
        jax.jit(lambda: frostproof.Guard({"backbone": frozen}, FROZEN).report().checks)()
    heads = jnp.stack([head, head])
    jax.vmap(lambda head: guard.check({"backbone": frozen, "head": head}).fingerprints)(heads)
    assert guard.report().still == ("head",)


def test_parameters_beside_the_state_that_holds_them():
    """By the guard and by the assertion: all leaves vanished, and it is said where they are."""
    state = train_state()
    hint = r"(?s)vanished.*\n\n`params/backbone/k\w+` is there, and `backbone/k"
    guard = frostproof.Guard(state.params, FROZEN)

    for check in (guard.check, jax.jit(guard.check)):
        with pytest.raises(AssertionError, match=hint):
            check(state)
    with pytest.raises(AssertionError, match=hint):
        frostproof.assert_frozen(state.params, state, FROZEN)
    pair = {"a": jnp.ones(1), "b": {"a": jnp.ones(1)}, "c": jnp.ones(1)}
    with pytest.raises(AssertionError, match=r"vanished$"):  # one of two: it was taken out
        frostproof.assert_frozen(pair, {name: pair[name] for name in "bc"}, ("a", "c"))


def test_nothing_is_frozen():
    """A guard may watch only whether leaves train."""
    guard = frostproof.Guard({"head": jnp.ones(2)}, ())
    guard.check(guard.check({"head": jnp.zeros(2)}))

    assert guard.report() == type(guard.report())(2, 1, (), (), ())


def test_what_cannot_be_watched():
    """Each is said in one line, before anything is compared."""
    params = tree()
    guard = frostproof.Guard(params, FROZEN)
    other = frostproof.Guard(params, ("backbone", "head"))

    with pytest.raises(ValueError, match="one of 'bits', 'value', got 'norm'"):
        frostproof.Guard(params, FROZEN, "norm")
    with pytest.raises(ValueError, match="`l1` in `frozen` matches no leaf"):
        frostproof.Guard(params, ("l1",))
    with pytest.raises(TypeError, match="collection of path prefixes"):
        frostproof.Guard(params, "backbone")
    with pytest.raises(ValueError, match="tracer, not a value; make the guard outside"):
        jax.jit(lambda params: frostproof.Guard(params, FROZEN).check(params))(params)
    with pytest.raises(ValueError, match="kernel: this is a shape without values"):
        frostproof.Guard(jax.eval_shape(tree), FROZEN)
    if np.dtype(np.longdouble) != np.float64:  # on some machines it is no wider
        with pytest.raises(ValueError, match=r"^k: this is a \w+, which JAX does not have"):
            frostproof.Guard({"k": np.ones(2, np.longdouble)}, ("k",))
    with pytest.raises(ValueError, match="not a snapshot of one: give it the model"):
        frostproof.Guard(frostproof.snapshot(params), FROZEN)
    with pytest.raises(ValueError, match="check it with its own guard"):
        guard.check(other.check(params))


def test_a_long_list_is_cut():
    """Its first line says how many leaves there are all the same."""
    guard = frostproof.Guard({f"{n:02}": np.zeros(2) for n in range(60)}, lambda path: True)

    with pytest.raises(AssertionError) as failure:
        guard.check({f"{n:02}": np.ones(2) for n in range(60)})

    first, _, *names = str(failure.value).splitlines()
    assert first.startswith("60 of 60 frozen leaves ")
    assert (len(names), names[-1]) == (51, "… and 10 more")
    assert str(guard.report()).endswith("49, … and 10 more")


def test_a_linen_model_as_flax_makes_it():
    """With its variables in a dict, in bfloat16."""
    model = flax.linen.Dense(4, param_dtype=jnp.bfloat16)
    variables = model.init(jax.random.key(0), jnp.ones((1, 3)))
    guard = frostproof.Guard(variables, ("params/kernel",))
    variables["params"]["kernel"] = variables["params"]["kernel"] * 1.004

    with pytest.raises(AssertionError, match="params/kernel: moved"):
        guard.check(variables)
