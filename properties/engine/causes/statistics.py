"""Why a frozen statistic moved: whether its layer is in training mode, or the step moves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any
from unittest.mock import patch

import flax.linen as nn
import jax
import numpy as np
from flax import nnx

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import Optimizer
from ....reference.pytrees.comparison import changes, same_bits
from ....reference.pytrees.paths import Path, path_text
from ....reference.subjects.linen_trainer import LinenTrainer
from ....reference.subjects.nnx_trainer import NnxTrainer
from ...laws.requirements.layers import frozen_statistics
from .reason import Reason
from .reruns import run_under, settings_of


def statistic_of(trajectory: Trajectory, leaf: str | None) -> Path | None:
    """Return the statistic of this name if it moves in a step in which it is frozen."""
    frozen = ((step, path) for step in trajectory.steps for path in frozen_statistics(step))
    named = ((step, path) for step, path in frozen if path_text(path) == leaf)
    return next((path for step, path in named if _moves(step, path)), None)


def reason_of_statistic(subject: Any, trajectory: Trajectory, path: Path) -> Reason | None:
    """Say what moves a statistic, as far as other runs of the problem show."""
    problem, reached = trajectory.problem, frozenset({path})
    if isinstance(subject, LinenTrainer) and _trains_linen(subject, problem, path):
        text = "its BatchNorm runs in training mode, without `use_running_average=True`"
        return Reason("training mode", text, reached)
    if isinstance(subject, NnxTrainer):
        if _stays_in_evaluation(subject, problem, path):
            text = "its layer runs in training mode: the statistic stays after `model.eval()`"
            return Reason("training mode", text, reached)
        with jax.disable_jit(), _no_training_mode():
            stays = _stays_in_evaluation(subject, problem, path)
        if stays:
            text = "the step puts its layer into training mode, as by `model.train()`"
            return Reason("training mode", text, reached)
        with jax.disable_jit(), _batch_norms_in_evaluation() as ways:
            stays = _stays_in_evaluation(subject, problem, path)
        if stays and ways:
            text = ways.pop() if len(ways) == 1 else "the step runs its BatchNorm in training mode"
            return Reason("training mode", text, reached)
    rated = isinstance(problem.optimizer, Optimizer) and settings_of(problem.optimizer)
    if rated and "learning_rate" in rated:
        still = run_under(subject, problem, problem.optimizer.at_rate(0.0))
        if any(_moves(step, path) for step in still):
            text = "the step itself moves the statistic: it moves at learning_rate=0, too"
            return Reason("the step", text, reached)
        if still and any(_is_optimized(step, path) for step in trajectory.steps):
            text = "the optimizer trains the statistic, which is among what it gets: it stays at "
            text += "learning_rate=0; give the optimizer the parameters alone"
            text += ", as by `wrt=nnx.Param`" if isinstance(subject, NnxTrainer) else ""
            return Reason("trained", text, reached)
    return None


def _moves(step: Step, path: Path) -> bool:
    found = changes(*step.model_state, frozen_statistics(step) & {path}, "value")
    return any(change.what is None for change in found)  # it neither vanishes nor is cast


def _is_optimized(step: Step, path: Path) -> bool:
    """Tell whether an optimizer that is called gets a statistic, by a name that may begin further
    up or down than its own, and asks for a movement of it.
    """
    before, _ = step.model_state
    return any(
        name[-len(path) :] == path[-len(name) :]
        and same_bits(array, before[path].array)
        and bool(np.any(recorded.updates[name] != 0))
        for recorded, calls in step.recordings
        for name, array in recorded.params.items()
        if calls and name in recorded.updates
    )


def _trains_linen(subject: LinenTrainer, problem: Any, path: Path) -> bool:
    """Tell whether a BatchNorm computes a statistic anew in the steps of a problem: it stays where
    the BatchNorm uses what it has.
    """
    from ....reference.observation.run import run  # here: a law book is read without JAX

    trained = set[Path]()

    def evaluate(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        layer = context.module
        if not isinstance(layer, nn.BatchNorm) or context.method_name != "__call__":
            return call(*args, **kwargs)
        own = layer.use_running_average
        asked = args[1] if len(args) > 1 else kwargs.get("use_running_average")
        if (own if asked is None else asked) or layer.is_initializing():
            return call(*args, **kwargs)
        trained.add(layer.path)
        object.__setattr__(layer, "use_running_average", True)  # a module is frozen
        try:
            rest = {key: value for key, value in kwargs.items() if key != "use_running_average"}
            return call(*args[:1], None, *args[2:], **rest)
        finally:
            object.__setattr__(layer, "use_running_average", own)

    with jax.disable_jit(), nn.intercept_methods(evaluate):
        other = run(subject, problem)
    layer = path[:-1]
    named = any(layer[-len(each) :] == each for each in trained if each)
    return named and other.raised is None and not any(_moves(step, path) for step in other.steps)


def _stays_in_evaluation(subject: NnxTrainer, problem: Any, path: Path) -> bool:
    """Tell whether a statistic stays where the modules are put into evaluation at the start."""
    from ....reference.observation.run import run  # here: a law book is read without JAX

    def create(seed: int, batch: Any, optimizer: Any) -> Any:
        model, optimizer = subject.create(seed, batch, optimizer)
        if isinstance(model, nnx.Module):
            model.eval()
        return model, optimizer

    other = run(replace(subject, create=create), problem)
    return other.raised is None and not any(_moves(step, path) for step in other.steps)


@contextmanager
def _no_training_mode() -> Iterator[None]:
    """Let no module be put into training mode, be it by `model.train()` or by its attributes."""
    own = nnx.Module.set_attributes

    def set_attributes(module: Any, *filters: Any, **attributes: Any) -> None:
        kept = {
            name: value
            for name, value in attributes.items()
            if not (name in ("deterministic", "use_running_average") and value is False)
        }
        own(module, *filters, **kept)

    with patch.object(nnx.Module, "set_attributes", set_attributes):
        yield


@contextmanager
def _batch_norms_in_evaluation() -> Iterator[set[str]]:
    """Let each BatchNorm use the statistics that it has; give in words how it was not to."""
    own, own_view = nnx.BatchNorm.__call__, nnx.BatchNorm.set_view
    ways = set[str]()
    views = list[Any]()

    @wraps(own)
    def evaluate(layer: Any, x: Any, use_running_average: Any = None, **kwargs: Any) -> Any:
        asked = layer.use_running_average if use_running_average is None else use_running_average
        if asked or asked is None:  # without an answer the layer raises
            return own(layer, x, use_running_average, **kwargs)
        if use_running_average is not None:
            ways.add(
                "the step calls its BatchNorm in training mode, with `use_running_average=False`"
            )
        elif views:  # any: modules are made anew where a gradient is taken
            ways.add("the step runs a view of its layer in training mode, as `nnx.view` makes one")
        else:
            ways.add("the step runs its BatchNorm in training mode")
        return own(layer, x, True, **kwargs)

    @wraps(own_view)  # `nnx.view` asks for its arguments
    def set_view(layer: Any, *args: Any, **kwargs: Any) -> None:
        own_view(layer, *args, **kwargs)
        if layer.use_running_average is False:
            views.append(layer)

    with (
        patch.object(nnx.BatchNorm, "__call__", evaluate),
        patch.object(nnx.BatchNorm, "set_view", set_view),
    ):
        yield ways
