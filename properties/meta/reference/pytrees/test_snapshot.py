"""Snapshots keep every bit and outlive every step; comparisons tell bits from values and norms."""

import math
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frostproof.reference.pytrees.comparison import (
    NO_DISTANCE,
    changes,
    same_bits,
    same_value,
    ulps,
)
from frostproof.reference.pytrees.snapshot import snapshot

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = st.sampled_from([np.dtype(t) for t in ("f2", "f4", "f8")] + [BFLOAT16])
NANS = np.array([0x7FC0, 0x7FC1], np.uint16).view(BFLOAT16)
SPECIAL = (0.0, -0.0, 1.0, math.inf, -math.inf, math.nan)


@st.composite
def bit_patterns(draw: st.DrawFn, copies: int = 1) -> Any:
    """Float arrays of any bits, of one dtype and shape: subnormals, NaN payloads, infinities."""
    dtype = draw(FLOATS)
    integer, info = f"u{dtype.itemsize}", ml_dtypes.finfo(dtype)
    # The edges, where a mistake would show: zero, the infinities and the smallest normal numbers,
    # with the subnormals and the NaNs beside them.
    edges = np.array([0, -0.0, np.inf, -np.inf, 1, info.smallest_normal, -info.smallest_normal])
    bits = edges.astype(dtype).view(integer)
    elements = st.sampled_from([*bits, *(bits + 1), *(bits - 1)]) | hnp.from_dtype(bits.dtype)
    raw = hnp.arrays(integer, draw(hnp.array_shapes(min_dims=0, max_dims=2)), elements=elements)
    arrays = [draw(raw).view(dtype) for _ in range(copies)]
    return arrays[0] if copies == 1 else arrays


def f32(values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


def only(tree: Any) -> np.ndarray[Any, Any]:
    return next(iter(snapshot(tree).values())).array


def described(before: Any, after: Any, promise: Any) -> list[str]:
    old, new = snapshot({"w": before}), snapshot({"w": after})
    return [change.describe() for change in changes(old, new, [("w",)], promise)]


@given(bit_patterns())
def test_every_bit_is_kept(array: Any) -> None:
    """NumPy and JAX arrays come back in their dtype, with signs of zero and NaN payloads."""
    assert same_bits(only({"w": array}), array)
    if array.dtype != np.float64:  # JAX narrows float64 by default
        assert only({"w": jnp.asarray(array)}).tobytes() == array.tobytes()
        assert same_bits(only(nnx.Param(jnp.asarray(array))), array)


def test_bfloat16_payloads_and_subnormals_are_kept() -> None:
    """The same by hand, so that the drawn test cannot miss it."""
    bits = np.array([0x7FC1, 0xFF81, 0x8000, 0x0001], np.uint16)
    leaf = snapshot([jnp.asarray(bits.view(BFLOAT16))])[("0",)]

    assert leaf.array.dtype == BFLOAT16
    assert leaf.array.view(np.uint16).tolist() == bits.tolist()


def test_the_copy_is_its_own_and_read_only() -> None:
    """Writing to the original changes no snapshot, and nobody writes to a snapshot."""
    original = np.zeros(3)
    leaf = snapshot([original])[("0",)]
    original[0] = 1

    assert leaf.array.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        leaf.array[0] = 1


def test_training_in_place_alters_no_earlier_snapshot() -> None:
    """An NNX step moves the model, and only the later snapshot shows it."""
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    before, copy = snapshot(model), np.array(model.kernel[...])
    gradient = nnx.grad(lambda m: jnp.sum(m(jnp.ones((1, 2)))))(model)
    optimizer.update(model, gradient)
    found = changes(before, snapshot(model), before, "value")

    assert same_bits(before[("kernel",)].array, copy)
    assert [change.path for change in found] == [("bias",), ("kernel",)]
    assert {leaf.kind for leaf in before.values()} == {"Param"}


def test_donated_buffers() -> None:
    """A snapshot hinders no donation and outlives it; one of a donated buffer names the leaf."""
    tree = {"w": jnp.ones(1000), "key": jax.random.split(jax.random.key(0), 2)}
    before = snapshot(tree)
    step = jax.jit(lambda t: {"w": t["w"] + 1, "key": t["key"]}, donate_argnums=0)
    after = snapshot(step(tree))

    assert tree["w"].is_deleted()
    assert before[("w",)].array.tolist() == [1] * 1000
    assert after[("w",)].array.tolist() == [2] * 1000
    for name in tree:
        with pytest.raises(ValueError, match=f"^{name}: this buffer was deleted"):
            snapshot({name: tree[name]})


def test_leaves_without_values_are_errors() -> None:
    """Tracers, also those in a `jax.Ref`, and abstract shapes: the message names the leaf."""
    with pytest.raises(ValueError, match=r"^l1/kernel: this is a tracer"):
        jax.jit(lambda w: snapshot({"l1": {"kernel": w}}))(1.0)
    with pytest.raises(ValueError, match=r"^w: this is a tracer"):
        jax.jit(lambda w: snapshot({"w": jax.new_ref(w)}))(1.0)
    with pytest.raises(ValueError, match=r"^w: this is a shape"):
        snapshot({"w": jax.ShapeDtypeStruct((2,), jnp.float32)})
    if np.dtype(np.longdouble) != np.float64:  # on some machines it is no wider
        with pytest.raises(ValueError, match=r"^w: this is a \w+, which JAX does not have"):
            snapshot({"w": np.ones(2, np.longdouble)})


def test_leaves_of_other_kinds() -> None:
    """Keys by their data, scalars and references by value; what holds no numbers is left out."""
    key = jax.random.key(7)
    arrays = {"key": key, "ref": jax.new_ref(jnp.ones(2)), "int4": jnp.ones(2, jnp.int4)}
    scalars = {"int": 3, "float": 0.1, "bool": np.True_, "weak": jnp.asarray(1.0)}
    others = {"text": "encoder", "function": len, "none": None, "names": np.array(["a"])}
    empty = {"objects": np.array([object()]), "float0": np.zeros(2, jax.dtypes.float0)}
    taken = snapshot(arrays | scalars | others | empty)

    assert [*taken] == [(name,) for name in ("bool", "float", "int", "int4", "key", "ref", "weak")]
    assert same_bits(taken[("key",)].array, np.asarray(jax.random.key_data(key)))
    assert taken[("float",)].array == 0.1
    assert taken[("ref",)].array.tolist() == [1, 1]
    assert taken[("int4",)].array.dtype == ml_dtypes.int4
    assert [p for p in taken if taken[p].weak_type] == [("float",), ("int",), ("weak",)]
    assert "text" in taken.structure


def test_snapshots_compare_and_travel() -> None:
    """Equality is that of bits, types and structure; a snapshot survives pickling."""
    zero = snapshot({"w": jnp.zeros(2)})

    assert snapshot({"w": jnp.zeros(2)}) == zero
    assert pickle.loads(pickle.dumps(zero)) == zero
    others = [{"w": -jnp.zeros(2)}, {"w": jnp.zeros(2, int)}, {"v": jnp.zeros(2)}, [jnp.zeros(2)]]
    assert all(snapshot(other) != zero for other in others)
    assert snapshot([1.0]) != snapshot([np.float64(1.0)])  # the weak type
    assert snapshot(nnx.Param(jnp.zeros(2))) != snapshot(nnx.BatchStat(jnp.zeros(2)))


@given(bit_patterns(copies=2))
def test_values_are_equal_as_the_law_book_says(arrays: Any) -> None:
    """Against the definition, element by element, in Python floats."""
    a, b = arrays
    tiny = float(ml_dtypes.finfo(a.dtype).smallest_normal)

    def flush(x: Any) -> float:
        return 0.0 if abs(float(x)) < tiny else float(x)

    pairs = [(flush(x), flush(y)) for x, y in zip(a.flat, b.flat, strict=True)]
    expected = all(x == y or (x != x and y != y) for x, y in pairs)

    assert same_value(a, b) == expected
    assert same_bits(a, b) == (a.tobytes() == b.tobytes())
    assert same_value(a, a.copy())


@given(FLOATS, st.integers(0, 2**64 - 1), st.sampled_from(SPECIAL), st.sampled_from(SPECIAL))
def test_what_value_equality_forgives(dtype: Any, bits: int, x: float, y: float) -> None:
    """Payloads of NaN, signs of zero and subnormals are one value; nothing else is."""
    tiny = np.asarray(ml_dtypes.finfo(dtype).smallest_normal, dtype)
    integer = f"u{dtype.itemsize}"
    below = np.asarray(bits % int(tiny.view(integer)), integer).view(dtype)
    a, b = np.asarray(x, dtype), np.asarray(y, dtype)

    assert same_value(below, np.zeros((), dtype))
    assert same_value(below, -below)
    assert not same_value(tiny, below)
    assert same_value(a, b) == (x == y or (math.isnan(x) and math.isnan(y)))
    assert not same_value(a, np.asarray(x, np.float64 if dtype != np.float64 else np.float32))
    assert not same_value(a, a[None])


def test_nan_equals_nan_in_its_place_only() -> None:
    """Payloads do not count, positions do."""
    assert same_value(NANS, NANS[::-1])
    assert not same_value(f32([np.nan, 1]), f32([1, np.nan]))
    assert not same_value(f32([np.nan, 1]), f32([1, 1]))


@given(bit_patterns(copies=3))
def test_ulps_are_a_distance(arrays: Any) -> None:
    """Symmetric, additive along the order of the numbers, and zero exactly for equal reals."""
    for array in arrays:
        with np.errstate(invalid="ignore"):  # bfloat16 warns of a signalling NaN even here
            array[np.isnan(array)] = 1
    low, middle, high = np.sort(np.stack(arrays), axis=0)
    steps = [ulps(low, middle), ulps(middle, high), ulps(low, high)]

    assert (steps[0] + steps[1] == steps[2]).all()
    assert (ulps(high, low) == steps[2]).all()
    assert ((steps[0] == 0) == (low == middle)).all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_neighbours_are_one_ulp_apart(dtype: str) -> None:
    """By `numpy.nextafter`, upwards from numbers on both sides of zero and at the edges."""
    info = np.finfo(dtype)
    a = np.array([1, -1, 0, -0.0, info.tiny, -info.tiny, info.max, 1023.5], dtype)
    with np.errstate(over="ignore"):
        above = np.nextafter(a, np.asarray(np.inf, dtype))

    assert (ulps(a, above) == 1).all()


def test_ulps_of_other_numbers() -> None:
    """NaN has no distance, integers their difference, complex numbers that of the worse part."""
    nan, one = np.float32(np.nan), np.float32(1)

    assert ulps([nan, nan, one], [nan, one, one]).tolist() == [0, NO_DISTANCE, 0]
    assert ulps(np.array([-128, 3], np.int8), np.array([127, 3], np.int8)).tolist() == [255, 0]
    assert ulps(*np.array([[-8], [7]], ml_dtypes.int4)) == 15
    assert ulps(np.uint64(0), np.uint64(2**64 - 1)) == 2**64 - 1
    assert ulps(np.True_, np.False_) == 1
    assert ulps(np.complex64(1 + 2j), np.complex64(1 + np.nextafter(np.float32(2), 3) * 1j)) == 1
    assert ulps(*np.array([[1], [4]], ml_dtypes.float8_e8m0fnu)) == 2  # which has no sign
    assert ulps(*np.array([[-0.5], [0.5]], ml_dtypes.float4_e2m1fn)) == 2  # four bits in a byte
    with pytest.raises(ValueError, match="no distance"):
        ulps(one, np.float64(1))


@given(bit_patterns(copies=2))
def test_promises_are_nested(arrays: Any) -> None:
    """Whoever keeps bits keeps values, and whoever keeps values keeps norms."""
    before, after = arrays
    broken = [bool(described(before, after, promise)) for promise in ("norm", "value", "bits")]

    assert broken == sorted(broken)
    assert broken[1:] == [not same_value(before, after), not same_bits(before, after)]


def test_each_promise_sees_what_the_weaker_one_does_not() -> None:
    """A sign flip keeps the norm, a sign of zero the value; NaN and subnormals keep both."""
    w = f32([3, 4, 0])

    assert described(w, f32([-3, 4, 0]), "norm") == []
    assert described(w, f32([-3, 4, 0]), "value")
    assert described(w, f32([3, 4, -0.0]), "value") == []
    assert described(w, f32([3, 4, -0.0]), "bits")
    both = "norm 5 → 5.83095, its furthest element 4 → 5 ("
    assert described(w, f32([3, 5, 0]), "norm")[0].startswith(both)
    assert described(f32([3]), f32([4]), "norm")[0].startswith("norm 3 → 4, its value 3 → 4 (")
    assert described(f32([np.nan, 3]), f32([np.nan, -3]), "norm") == []
    subnormal, zero = np.array([[1e-6, 1], [0, -1]], np.float16)
    assert described(subnormal, zero, "norm") == []
    assert described(subnormal, abs(zero), "value") == []
    assert described(subnormal, abs(zero), "bits")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (f32([0.5, 1]), f32([0.6, 1]), "0.5 → 0.6 (1677722 ulps), 1 of 2 elements"),
        (np.float32(1), np.nextafter(np.float32(1), 2), "1.0 → 1.0000001 (1 ulp)"),
        (np.float32(-0.0), np.float32(0), "-0 → 0 (bits 0x80000000 → 0x00000000)"),
        (*NANS, "nan → nan (bits 0x7fc0 → 0x7fc1)"),
        (f32([1, 1, 2]), f32([1, np.nan, 9]), "1 → nan, 2 of 3 elements"),
        (np.int32(3), np.int32(4), "3 → 4 (1 ulp)"),
        (np.int32(3), np.int32(1_234_567), "3 → 1234567"),
        (f32([0, 1]), f32([0.5, 1]), "0 → 0.5, 1 of 2 elements"),
        (f32([1, 1]), f32([-1, 1]), "1 → -1, 1 of 2 elements"),
        (ml_dtypes.bfloat16(1), ml_dtypes.bfloat16(2), "1 → 2 (128 ulps)"),
        (np.complex64(1), np.complex64(-0.0 + 1j), "1+0j → 0+1j"),
        (np.zeros(3), np.zeros((3, 1)), "shape (3,) → (3, 1)"),
        (np.float32(1), jnp.bfloat16(1), "dtype float32 → bfloat16"),
    ],
)
def test_changes_in_words(before: Any, after: Any, words: str) -> None:
    """Six digits where they tell the numbers apart, else all of them, else the bits."""
    (found,) = described(before, after, "bits")

    assert found == words


def test_the_order_of_bytes_is_no_difference() -> None:
    """JAX knows that of the machine only, which the first step makes of the other."""
    swapped = np.array([1, 2], np.dtype(np.float32).newbyteorder())

    assert described(swapped, f32([1, 2]), "bits") == []
    assert described(swapped, f32([1, 3]), "value") == ["2 → 3 (4194304 ulps), 1 of 2 elements"]


def test_a_change_names_the_worst_element() -> None:
    """The index, the numbers and the counts are there as data, for those who do not want words."""
    old, new = np.ones((2, 3), np.float32), f32([[1, 1, 1.5], [9, 1, 1]])
    (change,) = changes(snapshot([old]), snapshot([new]), [("0",)], "value")

    assert (change.path, change.what, change.index) == (("0",), None, (1, 0))
    assert (change.before, change.after, change.count, change.size) == (1, 9, 2, 6)
    assert change.ulps == ulps(np.float32(1), np.float32(9))


def test_leaves_that_appear_and_vanish() -> None:
    """They break every promise; only the asked paths are judged, and they must exist somewhere."""
    before, after = snapshot({"a": 1.0, "c": 1.0}), snapshot({"b": 1.0, "c": 2.0})
    found = changes(before, after, {("b",), ("a",)}, "norm")

    assert [(c.path, c.describe()) for c in found] == [(("a",), "vanished"), (("b",), "appeared")]
    with pytest.raises(KeyError, match="`l1/kernel`"):
        changes(before, after, [("l1", "kernel")], "bits")
    with pytest.raises(ValueError, match="`promise` must be one of"):
        changes(before, after, [], "isolated")
