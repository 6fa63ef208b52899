"""The law book, statistics of trainable layers: they follow the training, or training uses them."""

from __future__ import annotations

from typing import Any

from ...reference.observation.trajectory import Trajectory
from ...reference.pytrees.comparison import same_value
from ...reference.pytrees.dtypes import is_float
from ...reference.pytrees.paths import Path, path_text
from ...reference.subjects.capability import Capability
from ...strategies.problems import trainings as training
from .law import Inconclusive, Law, Refutation, observe
from .requirements.training_law import training_law
from .surrounding_state import layer_of


def _is_left_behind(subject: Any, failure: Refutation) -> bool:
    """Tell whether training does without a statistic that never moved: whoever predicts by it
    later predicts by its first value. One that training uses as it is may be meant to stay.
    """
    from ...reference.observation.relevance import is_used  # here: a law book is read without JAX

    trajectory, *_ = failure.facts["calls"]
    return not is_used(subject, trajectory, failure.facts["path"])


@training_law(
    "trainable-statistics-move",
    guarantee="selected",
    needs=Capability.MODEL_STATE,
    draws=training.with_statistics,
    confirm=_is_left_behind,
    meaning="The step throws the new statistics away, or puts the old ones back with the frozen "
    "leaves: the layer is evaluated for ever as it was initialised. If they are meant to stay, "
    "name them in `frozen`.",
)
def statistics_of_trainable_layers_move(trajectory: Trajectory) -> None:
    """Over the whole run, each statistic of a trainable layer moves at least once, unless training
    uses it as it is, or it is frozen by name.
    """
    first, last = trajectory.steps[0].before.model_state, trajectory.steps[-1].after.model_state
    if first is None or last is None:
        raise Inconclusive("the model has no statistics of layers", subject=True)
    followed = [path for path in sorted(first.keys() & last.keys()) if _follows(trajectory, path)]
    if not followed:
        raise Inconclusive("no trainable layer has statistics", subject=True)
    for path in followed:
        _observe_statistic(trajectory, path)


def _follows(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a statistic belongs to a layer of which all parameters train."""
    step = trajectory.steps[0]
    assert step.before.model_state is not None, "there are statistics"
    dtype = step.before.model_state[path].array.dtype
    named = frozenset().union(*(each.frozen_statistics for each in trajectory.steps))
    if path in named or not is_float(dtype):
        return False
    layer = layer_of(path, step)
    frozen = frozenset().union(*(each.frozen for each in trajectory.steps))
    return bool(layer) and not frozen.intersection(layer)


def _observe_statistic(trajectory: Trajectory, path: Path) -> None:
    """Record whether a statistic moved in this example."""
    name, number = path_text(path), len(trajectory.steps)
    kept = all(
        same_value(step.before.model_state[path].array, step.after.model_state[path].array)
        for step in trajectory.steps
        if step.before.model_state and step.after.model_state
    )
    failure = Refutation(
        f"{name}: statistic of a trainable layer never moved, as here in {number} "
        f"step{'s' * (number > 1)}, and training does not use it",
        assertion=f"not same_value(statistics[0][0][{name!r}], statistics[0][{number}][{name!r}])",
        leaf=name,
        path=path,
    )
    observe(f"{trajectory.structure}{name}", failure if kept else None)


LAWS: tuple[Law, ...] = (statistics_of_trainable_layers_move,)
