"""`frostproof.assert_frozen` on trees that share what is changed in place: nothing could move."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from frostproof import assert_frozen, snapshot

FROZEN = ("backbone",)


class Model(nnx.Module):
    def __init__(self, backbone: Any, head: Any):
        self.backbone = nnx.Param(backbone)
        self.head = nnx.Param(head)


def test_a_model_trained_in_place() -> None:
    """Neither it nor a state of it shows how it was, a snapshot does."""
    model = Model(jnp.ones(2), jnp.ones(2))
    copied, pure = snapshot(model), nnx.to_pure_dict(nnx.state(model))
    followers = [nnx.state(model), nnx.split(model)[1], {"backbone": model.backbone}]
    model.backbone[...] = jnp.zeros(2)

    with pytest.raises(ValueError, match=r"the same object, a Model: .*frostproof\.snapshot"):
        assert_frozen(model, model, FROZEN)
    for before in followers:
        with pytest.raises(ValueError, match=r"share backbone, .*frostproof\.snapshot"):
            assert_frozen(before, model, FROZEN)
    for before in (copied, pure):
        with pytest.raises(AssertionError, match=r"backbone +1 .*1 → 0"):
            assert_frozen(before, model, FROZEN)
    assert_frozen(model, nnx.clone(model), FROZEN)


def test_arrays_changed_in_place() -> None:
    """NumPy arrays, views of them, references and other objects that hold an array."""

    class Holder:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.ones(2)

    array = np.ones(4)
    places = [array, jax.new_ref(jnp.ones(2)), Holder(), nnx.Param(jnp.ones(2), ref=True)]
    pairs = [(place, place) for place in places] + [(array, array[:]), (array[1:], array[:3])]
    for one, other in pairs:
        with pytest.raises(ValueError, match=r"share w, which can be changed in place"):
            assert_frozen({"w": one}, {"w": other}, ("w",))


def test_what_nobody_changes_may_be_shared() -> None:
    """JAX arrays, NumPy's views of them, numbers, and leaves that train."""
    kept, trains = jnp.ones(2), np.ones(2)
    once = {"w": kept, "view": np.asarray(kept), "n": 3, "s": np.float32(1), "trains": trains}

    assert_frozen(once, dict(once), ("w", "view", "n", "s"), "bits")
    assert_frozen({"w": trains[::2]}, {"w": trains[1::2]}, ("w",))
