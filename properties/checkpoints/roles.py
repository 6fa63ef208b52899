"""What a leaf of a checkpoint is: frozen, trainable, or state that belongs to the training."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.dtypes import is_inexact
from ...reference.pytrees.paths import Path


class Role(StrEnum):
    """What the laws say of a leaf."""

    FROZEN = "frozen"
    TRAINABLE = "trainable"
    #: Optimizer state, statistics, counters, keys, averages: no law says that they move.
    STATE = "state"


#: The collection in which Flax keeps parameters: where there is one, nothing else is a parameter.
PARAMS = "params"
#: First segments under which trainers keep what is not a parameter.
_STATE = frozenset(
    {
        "opt_state",
        "opt_states",
        "optimizer",
        "optimizers",
        "optimizer_state",
        "optimizer_states",
        "optim",
        "batch_stats",
        "cache",
        "step",
        "epoch",
        "global_step",
        "rng",
        "rngs",
        "key",
        "keys",
        "random_state",
        "lr_scheduler",
        "lr_schedulers",
        "scheduler",
        "scaler",
        "callbacks",
        "loops",
        "metrics",
    }
)
#: Last segments by which PyTorch and Keras name what normalisation counts.
_STATISTICS = frozenset(
    {"running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance"}
)
#: Words in a segment by which averaged copies of parameters are named.
_AVERAGE = frozenset(
    {
        "ema",
        "avg",
        "average",
        "averages",
        "averaged",
        "shadow",
        "polyak",
        "swa",
        "slow",
        "lookahead",
    }
)
_WORD = re.compile(r"[a-z]+")


def role_of(path: Path, leaf: StoredLeaf, frozen: Collection[Path], *, collected: bool) -> Role:
    """Return the role of a leaf; `collected` tells whether the tree has a collection `params`."""
    if path in frozen:
        return Role.FROZEN
    if not is_inexact(leaf.dtype) or path[-1] in _STATISTICS or not is_parameter(path, collected):
        return Role.STATE
    return Role.TRAINABLE


def has_params(leaves: Mapping[Path, StoredLeaf]) -> bool:
    """Whether parameters are kept in their own collection."""
    return any(is_parameter(path, True) for path in leaves)


def is_parameter(path: Path, collected: bool) -> bool:
    """Whether the path is that of a parameter, by the names of what it lies in."""
    if collected:
        above = path[: path.index(PARAMS)] if PARAMS in path else path
        return PARAMS in path and not any(each in _STATE or is_average(each) for each in above)
    return path[0] not in _STATE and not is_average(path[0])


def is_average(segment: str) -> bool:
    """Whether a segment names averaged copies, as `ema_params` does."""
    return bool(_AVERAGE & set(_WORD.findall(segment.lower())))


def below_root(path: Path) -> Path:
    """Return the path of a parameter as its own tree has it, without `params` and what is above."""
    return path[path.index(PARAMS) + 1 :] if PARAMS in path else path
