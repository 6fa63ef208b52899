"""Makes the same parameters in every form that programs keep them in, and gradients of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.core import freeze

from .paths import Path
from .snapshot import Snapshot


class Node(nnx.Module):
    """A module whose attributes are parameters and other modules."""

    def __init__(self, children: Mapping[str, Any]):
        for name, child in children.items():
            setattr(self, name, Node(child) if isinstance(child, Mapping) else nnx.Param(child))


def representations(params: Snapshot) -> Iterator[tuple[str, Any]]:
    """Yield the name of each form, and the parameters or their gradients in it.

    A gradient that `jax.grad` takes of a module has attributes where the others have keys.
    """
    tree = _nested({path: jnp.asarray(leaf.array) for path, leaf in params.items()})
    module = Node(tree)
    yield "dict", tree
    yield "FrozenDict", freeze(tree)
    yield "nnx.State", nnx.state(module)
    yield "pure dict", nnx.to_pure_dict(nnx.state(module))
    yield "module", module
    yield "gradients of a dict", jax.grad(_loss)(tree)
    yield "nnx.grad", nnx.grad(_loss)(module)
    yield "nnx.grad(graph=False)", nnx.grad(_loss, graph=False)(module)
    yield "jax.grad of a module", jax.grad(_loss)(module)


def _loss(params: Any) -> Any:
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))


def _nested(leaves: Mapping[Path, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        node = tree
        for segment in path[:-1]:
            node = node.setdefault(segment, {})
        node[path[-1]] = leaf
    return tree
