"""Steps that say where an array lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.experimental.layout import Layout, with_layout_constraint
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from frostproof.properties.proofs.interpretation.floats import is_float

from .draft import Draft

_ALONG, _WHOLE = PartitionSpec("device"), PartitionSpec()


def placement(draft: Draft) -> None:
    """Say of an array where it is to lie."""
    a = draft.any()
    places: list[tuple[str, Callable[[Any], Any]]] = [
        ("device_put", jax.device_put),
        ("laid out", lambda x: with_layout_constraint(x, Layout(tuple(range(x.ndim))))),
        ("sharded", lambda x: lax.with_sharding_constraint(x, _on_devices())),
        ("resharded", lambda x: jax.sharding.reshard(x, _on_devices())),
        ("varying", _varying),
        ("summed", _summed),
    ]
    name, place = places[draft.choose(len(places))]
    shape, dtype = draft.kinds[a]
    if name == "summed" and not (is_float(dtype) and shape):
        return
    draft.add(lambda known: place(known[a]), (shape, dtype), f"{name} {a}")


def _mesh() -> Mesh:
    return jax.make_mesh((1,), ("device",), axis_types=(AxisType.Auto,))


def _on_devices() -> NamedSharding:
    return NamedSharding(_mesh(), _WHOLE)


def _varying(x: Any) -> Any:
    """Hand on what every device has as each one's own."""
    return jax.jit(
        jax.shard_map(
            lambda part: _of_its_own(part) if x.shape else part,
            mesh=_mesh(),
            in_specs=_WHOLE,
            out_specs=_ALONG if x.shape else _WHOLE,
        )
    )(x)


def _of_its_own(part: Any) -> Any:
    if hasattr(lax, "pcast"):
        return lax.pcast(part, "device", to="varying")
    return lax.pvary(part, "device")  # of JAX 0.8


def _summed(x: Any) -> Any:
    """Sum over the one device, without a check of what varies between devices."""
    return jax.jit(
        jax.shard_map(
            lambda part: lax.psum(part, "device"),
            mesh=_mesh(),
            in_specs=_ALONG,
            out_specs=_WHOLE,
            check_vma=False,
        )
    )(x)
