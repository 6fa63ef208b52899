"""To which layer a statistic belongs, and which of them are frozen."""

from __future__ import annotations

from ....reference.observation.trajectory import Step
from ....reference.pytrees.comparison import changes
from ....reference.pytrees.dtypes import is_float
from ....reference.pytrees.paths import Path

#: Why nothing is said of statistics that have no name, as those in a state of Equinox.
NAMELESS = (
    "statistics that move have a number for a name, and no layer: nobody can tell whether theirs "
    "is frozen; let `model_state=` show them below the names of their layers"
)


def frozen_statistics(step: Step) -> frozenset[Path]:
    """Return the statistics that are frozen in a step: by name, or since all of their layer is and
    they are there before the step and after it.
    """
    before, after = step.model_state
    kept = before.keys() & after.keys()
    return step.frozen_statistics | {path for path in kept if in_frozen_layer(path, step)}


def in_frozen_layer(path: Path, step: Step) -> bool:
    """Tell whether all parameters of a statistic's layer are frozen."""
    layer = layer_of(path, step)
    return bool(layer) and all(each in step.frozen for each in layer)


def layer_of(path: Path, step: Step) -> list[Path]:
    """Return the parameters of a statistic's layer, or else those of the module around it."""
    for depth in range(len(path) - 1, 0, -1):
        inside = [each for each in step.before.params if each[:depth] == path[:depth]]
        if inside:
            return inside
    return []


def moves_nameless_ones(step: Step) -> bool:
    """Tell whether arrays of statistics move that belong to no layer and have no name, beside
    leaves that are frozen.
    """
    before, after = step.model_state
    nameless = {
        path
        for path, leaf in before.items()
        if path and path[0].isdigit() and leaf.array.ndim and is_float(leaf.array.dtype)
        if not layer_of(path, step)
    }
    return bool(step.frozen and changes(before, after, nameless, "value"))
