"""Labels of what was drawn: how many examples had which optimizer, rate, shape and steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

#: What such a label begins with, of all laws alike.
TRAITS = ("optimizer", "learning rate", "shape", "steps")


def traits(problem: Any) -> Iterator[str]:
    """Yield the labels of one drawn problem, such as `optimizer: adam` or `shape: 7 × 3`."""
    optimizer = getattr(problem, "optimizer", None)
    rate = getattr(problem, "learning_rate", None)
    if optimizer is not None:
        inner = optimizer.inner
        yield f"optimizer: {optimizer_name(optimizer)}"
        rate = dict((inner or optimizer).hyperparameters).get("learning_rate")
    if rate is not None:
        yield f"learning rate: {_decade(float(rate))}"
    if (tree := getattr(problem, "tree", None)) is not None:
        yield f"shape: {tree}"
    elif getattr(problem, "batches", None) is None and hasattr(problem, "rows"):
        yield f"shape: {problem.rows} × {problem.features}"
    if (steps := getattr(problem, "steps", None)) is not None:
        yield f"steps: {steps}"


def optimizer_name(optimizer: Any) -> str:
    """Return the name of a drawn optimizer, such as `adam in clip_by_global_norm`."""
    inner = optimizer.inner
    return f"{inner.name} in {optimizer.name}" if inner else str(optimizer.name)


def _decade(rate: float) -> str:
    if not rate > 0:
        return "zero" if rate == 0 else "negative"
    if not 1e-6 <= rate < 1e4:
        return "below 1e-6" if rate < 1 else "1e4 and above"
    return f"1e{math.floor(math.log10(rate)):d}"
