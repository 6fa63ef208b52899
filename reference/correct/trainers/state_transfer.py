"""Carries an optimizer's state over when other leaves are frozen in the middle of a training."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from ...pytrees.paths import Path, normalise


def carry_over(fresh: Any, old: Any, leaves: Collection[Path], frozen: Collection[Path]) -> Any:
    """Return a fresh optimizer state with the old one's values, except for newly frozen leaves.

    Their part starts afresh, because a momentum would move a leaf on although its gradient is zero
    from now on. Parts of the fresh state that the old one lacks stay fresh, and parts that only the
    old one has are dropped. `leaves` are the paths of all parameters.
    """
    remembered = {
        normalise(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(old)[0]
    }

    def carry(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        kept = remembered.get(path)
        if kept is None or np.shape(kept) != np.shape(leaf) or owner(path, leaves) in frozen:
            return leaf
        return kept

    return jax.tree_util.tree_map_with_path(carry, fresh)


def owner(path: Path, leaves: Collection[Path]) -> Path | None:
    """Return the parameter that a leaf of an optimizer's state belongs to, by its path.

    None for a counter, or another number of the whole optimizer.
    """
    inside = [
        leaf
        for leaf in leaves
        if any(path[start : start + len(leaf)] == leaf for start in range(len(path)))
    ]
    # The longest: `mu/head/l1/kernel` holds the name of `l1/kernel` too.
    return max(inside, key=len, default=None)
