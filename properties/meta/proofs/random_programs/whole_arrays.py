"""Steps that move elements to other places, and that reduce arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from frostproof.properties.proofs.interpretation.floats import is_float

from .draft import SIZE, Draft, Step, like


def movement(draft: Draft) -> None:
    a = draft.any()
    shape, dtype = draft.kinds[a]
    b = draft.any()
    moves: list[tuple[str, Callable[[Any, Any], Any]]] = [
        ("mixed", lambda x, y: x.reshape(2, -1).T.reshape(-1)),
        ("reversed", lambda x, y: lax.rev(x, (0,))),
        ("rolled", lambda x, y: jnp.concatenate([x[2:], x[:2]])),
        ("joined", lambda x, y: jnp.concatenate([x[2:], y[:2]])),
        ("sorted", lambda x, y: lax.sort(x)),
        ("padded", lambda x, y: lax.pad(x[1:], y[0], [(1, 0, 0)])),
        ("updated", lambda x, y: lax.dynamic_update_slice(x, y[:2], (jnp.int32(3),))),
        ("sliced", lambda x, y: lax.dynamic_slice(x, (jnp.int32(0),), (SIZE,))),
        ("taken", lambda x, y: x.at[jnp.array([3, 1, 0, 9, 2, 2, 7, -1])].get(mode="fill")),
        ("clipped", lambda x, y: x.at[jnp.array([3, 1, 0, 9, 2, 2, 7, -1])].get(mode="clip")),
        ("set", lambda x, y: x.at[jnp.array([3, 1])].set(y[:2])),
        ("added", lambda x, y: x.at[jnp.array([3, 1])].add(y[:2])),
        ("squeezed", lambda x, y: lax.squeeze(lax.expand_dims(x, (0,)), (0,))),
        ("split", lambda x, y: jnp.concatenate(lax.split(x, (3, SIZE - 3))[::-1])),
    ]
    name, move = moves[draft.choose(len(moves))]
    if shape == () or (name in ("added",) and dtype.kind == "b"):
        return

    def step(known: list[Any]) -> Any:
        return move(known[a], like(known[b], shape, dtype))

    draft.add(step, (shape, dtype), f"{name} {a} {b}")


def reduction(draft: Draft) -> None:
    a = draft.any()
    shape, dtype = draft.kinds[a]
    if shape == ():
        return
    if dtype.kind == "b":
        name = ("all", "any")[draft.choose(2)]
        function = getattr(jnp, name)
        draft.add(lambda known: function(known[a]), ((), dtype), f"{name} {a}")
        return
    name = (
        "reduce_sum",
        "reduce_max",
        "reduce_min",
        "cumsum",
        "cummax",
        "cummin",
        "argmax",
        "argmin",
    )[draft.choose(8)]
    if name == "reduce_sum":
        step: Step = lambda known: lax.reduce_sum(known[a], (0,))  # noqa: E731
        kind = ((), dtype)
    elif name in ("reduce_max", "reduce_min"):
        reduce = getattr(lax, name)
        step, kind = (lambda known: reduce(known[a], (0,))), ((), dtype)
    elif name in ("argmax", "argmin"):
        place = getattr(lax, name)
        step = lambda known: place(known[a], 0, np.int32)  # noqa: E731
        kind = ((), np.dtype("int32"))
    else:
        along = getattr(lax, name)
        step, kind = (lambda known: along(known[a], 0)), (shape, dtype)
    draft.add(step, kind, f"{name} {a}")


def product(draft: Draft) -> None:
    a = draft.a_number()
    if a is None or draft.kinds[a][0] == ():
        return
    shape, dtype = draft.kinds[a]
    b = draft.any()

    how = ("dot", "convolution", "sum over devices")[draft.choose(3) if is_float(dtype) else 0]

    def step(known: list[Any]) -> Any:
        x, y = known[a], like(known[b], shape, dtype)
        if how == "dot":
            return lax.dot(x, y)
        if how == "convolution":
            return lax.conv(x[None, None], y[None, None, :3], (1,), "SAME")[0, 0]
        return _over_devices(x)

    kind = ((), dtype) if how == "dot" else (shape, dtype)
    draft.add(step, kind, f"{how} {a} {b}")


def _over_devices(x: Any) -> Any:
    """Sum over the one device that there is, inside a sharded function."""
    mesh = jax.make_mesh((1,), ("device",), axis_types=(AxisType.Auto,))
    along, whole = PartitionSpec("device"), PartitionSpec()
    summed = jax.shard_map(
        lambda part: lax.psum(part, "device"), mesh=mesh, in_specs=along, out_specs=whole
    )
    return jax.jit(summed)(x)
