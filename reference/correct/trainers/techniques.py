"""The freezing techniques: what each one does, what it promises, and under which optimizers.

All of them promise `computes` and `selected`. A technique does not keep a guarantee that it does
not promise: under some optimizer, or with some weight, it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

from ...optimizers.catalogue import Facts

#: "all" of the catalogue, or those of the common set whose facts a predicate accepts.
Optimizers = Literal["all"] | Callable[[Facts], bool]


@final
@dataclass(frozen=True)
class Technique:
    """One technique, in whichever API."""

    name: str
    idea: str
    promise: tuple[str, ...]
    optimizers: Optimizers


def rests_without_gradient(facts: Facts) -> bool:
    """Tell whether an optimizer leaves a leaf alone whose gradient is zero from a fresh start."""
    # A frozen gradient of zero is also drawn into a norm of all gradients, and 0 · NaN is NaN.
    return not (facts.moves_on_zero_gradient or facts.spreads_nan or facts.nan_when_all_zero)


# No `bits`: p + 0 makes +0.0 of −0.0, and 0 of a subnormal. No `isolated`: behind clipping by
# global norm, a NaN in one trainable gradient reaches frozen leaves.
gradient_zeroing = Technique(
    "gradient zeroing",
    "the gradient of a frozen leaf is replaced by zeros before the optimizer sees it",
    promise=("selected", "value", "inert"),
    optimizers=rests_without_gradient,
)

# For the optimizer the same as zeros, which is what a stopped gradient is.
stop_gradient = Technique(
    "stop gradient",
    "a frozen leaf is a constant for the loss",
    promise=("selected", "value", "inert"),
    optimizers=rests_without_gradient,
)

# No `bits`, since zeros are added to the frozen leaves.
multi_transform = Technique(
    "multi_transform",
    "frozen leaves are labelled, and for their label the update is set to zero",
    promise=("selected", "value", "inert", "isolated"),
    optimizers="all",
)

# No `inert`: the optimizer collects moments of frozen gradients. No `isolated`: a frozen gradient
# enters every norm that is taken of all.
freeze_in_chain = Technique(
    "freeze in chain",
    "the optimizer's update of a frozen leaf is set to zero",
    promise=("selected", "value"),
    optimizers="all",
)

# `bits`, since nothing is added to a frozen leaf and no optimizer knows of it.
trainable_subset = Technique(
    "trainable subset",
    "the optimizer is given the trainable leaves and no others",
    promise=("selected", "bits", "inert", "isolated"),
    optimizers="all",
)

# Neither `inert` nor `isolated`, as `freeze_in_chain`; `bits`, since the old leaf itself is kept.
restore_after_update = Technique(
    "restore after update",
    "all leaves are trained, and then the frozen leaves are put back",
    promise=("selected", "bits"),
    optimizers="all",
)
