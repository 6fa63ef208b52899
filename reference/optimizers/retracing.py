"""Has compiled functions traced once more: what is done to a program is done as it is traced.

The tag is an XLA metadata attribute, which is part of JAX's trace cache key and of no consequence
to the computation. Every operation outside a compiled function gets its own program by it,
too: so ours leave the tag while they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata

#: The tags in force, the outermost first.
_tags: list[Any] = []


@contextmanager
def retraced(**tag: str) -> Iterator[None]:
    """Trace compiled functions anew that are called in the block, once for each tag."""
    entered = set_xla_metadata(**tag)
    with entered:
        _tags.append(entered)
        try:
            yield
        finally:
            _tags.remove(entered)


@contextmanager
def as_traced_before(*trees: Any) -> Iterator[None]:
    """Leave all tags in the block, if these trees hold values and no tracers."""
    left = list(_tags) if _tags and not _is_traced(trees) else []
    for tag in reversed(left):
        tag.__exit__(None, None, None)
    try:
        yield
    finally:
        for tag in left:
            tag.__enter__()


def _is_traced(trees: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))
