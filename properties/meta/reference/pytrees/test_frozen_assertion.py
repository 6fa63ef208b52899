"""`frostproof.assert_frozen`, as the loops of others meet it: what passes, what fails, what is no
comparison at all.
"""

import dataclasses
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.core import FrozenDict
from flax.training.train_state import TrainState
from hypothesis import given
from hypothesis import strategies as st

from frostproof import assert_frozen, snapshot
from frostproof.reference.pytrees.comparison import Promise, same_bits, same_value

FROZEN = ("backbone",)


class Pair(NamedTuple):
    backbone: Any
    head: Any


@flax.struct.dataclass
class Struct:
    backbone: Any
    head: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Registered:
    backbone: Any
    head: Any


class Plain:
    """Nothing that JAX can see into."""


class Model(nnx.Module):
    def __init__(self, backbone: Any, head: Any):
        self.backbone = nnx.Param(backbone)
        self.head = nnx.Param(head)


def train_state(backbone: Any, head: Any) -> TrainState:
    params = {"backbone": backbone, "head": head}
    return TrainState.create(apply_fn=None, params=params, tx=optax.sgd(0.1))


CONTAINERS = {
    "dict": (lambda backbone, head: {"backbone": backbone, "head": head}, FROZEN),
    "FrozenDict": (lambda *parts: FrozenDict(zip(Pair._fields, parts, strict=True)), FROZEN),
    "namedtuple": (Pair, FROZEN),
    "struct": (Struct, FROZEN),
    "dataclass": (Registered, FROZEN),
    "module": (Model, FROZEN),
    "state": (lambda *parts: nnx.state(Model(*parts)), FROZEN),
    "TrainState": (train_state, ("params/backbone",)),
    "list": (lambda *parts: list(parts), ("0",)),
    "tuple": (lambda *parts: parts, [("0",)]),
    "nested": (lambda *parts: {"a": [Pair(*parts)]}, ("a/0/backbone",)),
    "predicate": (Pair, lambda path: path[-1] == "backbone"),
}


@pytest.mark.parametrize(("made_of", "frozen"), CONTAINERS.values(), ids=CONTAINERS)
def test_any_tree(made_of: Any, frozen: Any) -> None:
    """What trains may move, what is frozen may not; snapshots and other containers are the same."""
    before = made_of(jnp.ones(2), jnp.ones(2))
    trained = made_of(jnp.ones(2), jnp.zeros(2))
    broken = made_of(jnp.ones(2).at[0].set(0.5), jnp.zeros(2))

    for first in (before, snapshot(before)):
        assert_frozen(first, trained, frozen)
        assert_frozen(first, snapshot(trained), frozen)
        with pytest.raises(AssertionError, match="1 of 1 frozen leaves did not keep their value"):
            assert_frozen(first, broken, frozen)


def test_the_table_of_what_moved() -> None:
    """Path, largest difference, ulps, elements and the furthest element; or what else happened."""
    before = {
        "backbone": {
            "bias": jnp.float32(1e-3),
            "dtype": np.zeros(2, np.float32),
            "gone": 1.0,
            "kernel": np.array([[1.0, 1000.0], [1e-6, 1.0]], np.float32),
            "key": jax.random.key(0),
            "shape": jnp.ones((2, 3)),
            "step": np.int64(2**62),
        },
        "backbone_2": jnp.ones(2),
    }
    after = {
        "backbone": {
            "bias": jnp.float32(np.nan),
            "dtype": jnp.zeros(2, jnp.bfloat16),
            "kernel": np.array([[1.0, 1000.5], [3e-6, 1.0]], np.float32),
            "key": jax.random.key(1),
            "more": 1.0,
            "shape": jnp.ones((3, 2)),
            "step": np.int64(2**62 + 1),
        },
        "backbone_2": jnp.zeros(2),
    }

    with pytest.raises(AssertionError) as failure:
        assert_frozen(before, after, FROZEN)

    apart = np.array([1e-6, 3e-6], np.float32).view(np.int32)
    ulps = int(apart[1] - apart[0])
    assert str(failure.value).splitlines() == [
        "8 of 8 frozen leaves did not keep their value:",
        "",
        "leaf             largest difference  ulps      elements  furthest",
        "backbone/bias    nan                           1 of 1    0.001 → nan",
        "backbone/dtype                                           dtype float32 → bfloat16",
        "backbone/gone                                            vanished",
        f"backbone/kernel  0.5                 {ulps}  2 of 4    [1, 0]: 1e-06 → 3e-06",
        "backbone/key     1                   1         1 of 2    [1]: 0 → 1",
        "backbone/more                                            appeared",
        "backbone/shape                                           shape (2, 3) → (3, 2)",
        f"backbone/step    1                   1         1 of 1    {2**62} → {2**62 + 1}",
    ]


def test_bits_may_differ_where_no_value_does() -> None:
    """Signs of zero and payloads of NaN: the difference is 0, and the bits are shown."""
    before, after = (
        np.array(bits, np.uint16).view(jnp.bfloat16) for bits in ([0x8000, 0x7FC0], [0, 0x7FC1])
    )

    with pytest.raises(AssertionError, match=r"w +0 +0 +2 of 2 +\[0\]: -0 → 0 \(bits 0x8000 → 0x0"):
        assert_frozen({"w": before}, {"w": after}, ("w",), "bits")


def test_a_long_table_is_cut() -> None:
    """Its first line says how many leaves there are all the same."""
    before, after = ({f"{n:02}": x for n in range(60)} for x in (0.0, 1.0))

    with pytest.raises(AssertionError) as failure:
        assert_frozen(before, after, lambda path: True)

    first, *_, furthest, last = str(failure.value).splitlines()
    assert first.startswith("60 of 60 frozen leaves ")
    assert (furthest[:2], last) == ("49", "… and 10 more")


@given(st.lists(st.integers(0, 2**16 - 1), min_size=2, max_size=2), st.booleans())
def test_promises_on_any_bits(bits: list[int], in_jax: bool) -> None:
    """bfloat16 of any bits: NaN in place, signs of zero and subnormals as the law book says."""
    before, after = np.array(bits, np.uint16).view(jnp.bfloat16)
    kept = {"bits": same_bits(before, after), "value": same_value(before, after)}

    for promise, expected in kept.items():
        trees = {"w": jnp.asarray(before) if in_jax else before}, {"w": after}
        if expected:
            assert_frozen(*trees, ["w"], promise=promise)
        else:
            with pytest.raises(AssertionError):
                assert_frozen(*trees, ["w"], promise=promise)


@pytest.mark.parametrize(
    ("before", "after", "kept", "broken"),
    [
        ([-0.0], [0.0], "value", "bits"),
        ([1e-45], [0.0], "value", "bits"),
        ([np.nan, 1.0], [np.nan, 1.0], "bits", None),
        ([3.0, -4.0], [4.0, 3.0], "norm", "value"),
        ([3.0], [3.0000002], None, "norm"),
    ],
)
def test_what_each_promise_forgives(before: Any, after: Any, kept: Any, broken: Any) -> None:
    """Each is kept with all weaker ones, and broken with all stronger ones."""
    trees = [{"w": np.array(values, np.float32)} for values in (before, after)]
    order: list[Promise] = ["norm", "value", "bits"]

    for promise in order[: order.index(kept) + 1 if kept else 0]:
        assert_frozen(*trees, ("w",), promise)
    for promise in order[order.index(broken) if broken else 3 :]:
        with pytest.raises(AssertionError, match=f"did not keep their {promise}"):
            assert_frozen(*trees, ("w",), promise)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0.1, jnp.asarray(0.1)),
        (0.1, jnp.bfloat16(0.1)),
        (3, np.int32(3)),
        (jnp.float32(0.1), 0.1),
        (jnp.asarray(1.0), jnp.float32(1)),
        (True, jnp.asarray(True)),
        (jnp.ones(2), np.ones(2, np.float32)),
        (None, None),
        ("relu", "relu"),
        (jnp.ones((0, 3)), jnp.ones((0, 3))),
    ],
    ids=str,
)
def test_what_is_no_change(before: Any, after: Any) -> None:
    """Python numbers have no precision, weak types and places no meaning; None is not a leaf."""
    assert_frozen({"w": before, "b": 1}, {"w": after, "b": 1}, lambda path: True, "bits")


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        (0.1, jnp.float32(0.2), "0.1 → 0.2"),
        (3, jnp.float32(3), "dtype int64 → float32"),
        (jnp.asarray(1.0), jnp.bfloat16(1), "dtype float32 → bfloat16"),
        (np.float64(1), jnp.float32(1), "dtype float64 → float32"),
        (None, jnp.ones(2), "appeared"),
        (jnp.ones(2), None, "vanished"),
        (1 + 2j, 1 + 5j, "w     3 "),
    ],
    ids=str,
)
def test_what_is_one(before: Any, after: Any, seen: str) -> None:
    """Another dtype, and a leaf that is on one side only, break every promise."""
    with pytest.raises(AssertionError) as failure:
        assert_frozen({"w": before}, {"w": after}, ("w",), "norm")

    assert seen in str(failure.value)


def test_what_is_no_comparison() -> None:
    """Each is said in one line that names the paths, before anything is compared."""
    tree, other = ({"params": {"l1": {"kernel": jnp.full(2, x)}}} for x in (1.0, 2.0))
    donated = {"l1": {"kernel": jnp.ones(2), "bias": jnp.ones(1)}}
    donated["l1"]["kernel"].delete()
    donated["l1"]["bias"].delete()

    def fails(error: type[Exception], words: str, *arguments: Any) -> None:
        with pytest.raises(error, match=words):
            assert_frozen(*arguments)

    fails(ValueError, "one of 'norm', 'value', 'bits', got 'byte'", tree, other, ("l1",), "byte")
    missing = r"`l1` .* no leaf \(did you mean `params/l1`\?\): the leaves are params/l1/kernel"
    fails(ValueError, missing, tree, other, ("l1",))
    fails(ValueError, "predicate .* no leaf: .*params/l1/kernel", tree, other, lambda path: False)
    fails(TypeError, r"collection of .*: write \('params',\)", tree, other, "params")
    deleted = "^`before`: l1/bias, l1/kernel: these buffers were deleted, .* take the snapshot bef"
    fails(ValueError, deleted, donated, other, ("l1",))
    put_back = "what is put back behind the step has to be a copy that was made before it$"
    fails(ValueError, put_back, donated, other, ("l1",))
    fails(ValueError, "^`after`: l1/bias, l1/kernel: these", other, donated, ("l1",))
    fails(ValueError, r"no arrays in .* \(Plain\)", Plain(), Plain(), ("l1",))
    fails(ValueError, "no arrays in .* \\(dict\\)", {}, {"l1": {}}, ("l1",))
    compiled = jax.jit(lambda tree: assert_frozen(tree, other, ("params",)))
    with pytest.raises(ValueError, match=r"^`before`: params/l1/kernel: this is a tracer"):
        compiled(tree)
    assert_frozen(tree, other, ())


def test_snapshots_of_snapshots() -> None:
    """A snapshot is its own."""
    taken = snapshot({"w": jnp.ones(2)})

    assert snapshot(taken) is taken
