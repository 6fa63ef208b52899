"""A third party's code that uses every public name: a type checker has to be content with it.

`.ci/public-types` runs mypy and pyright on it, both strict, from a folder in which frostproof is
an installed package like any other.
"""

# pyright: strict

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import frostproof
from frostproof import (
    Exercise,
    Guard,
    LinenTrainer,
    NnxTrainer,
    OptaxFreeze,
    Optimizers,
    Report,
    assert_frozen,
    laws,
    snapshot,
    verify,
)

Floats = NDArray[np.float32]


def step(seed: float, x: Floats, y: Floats, lr: float) -> list[float]:
    """Stand for an exercise."""
    return [float(np.mean(np.square(y))), seed + x.shape[0], lr]


def freeze(optimizer: Any, mask: dict[str, bool]) -> Any:
    """Stand for an Optax wrapper."""
    return optimizer if any(mask.values()) else None


class State:
    """Stand for a state of training."""

    def __init__(self, params: dict[str, Floats]):
        self.params = params


def create(seed: int, batch: Any, optimizer: Any) -> State:
    """Begin a training."""
    return State({"backbone": batch.x, "head": np.ones(seed + (optimizer is None), np.float32)})


def train_step(state: State, batch: Any) -> tuple[State, float]:
    """Train for one step."""
    return state, float(batch.y.sum())


def create_module(seed: int, batch: Any, optimizer: Any) -> tuple[State, Any]:
    """Begin a training in place."""
    return create(seed, batch, optimizer), optimizer


def train_in_place(model: State, optimizer: Any, batch: Any) -> float:
    """Train a module for one step."""
    return train_step(model, batch)[1]


def is_frozen(path: tuple[str, ...]) -> bool:
    """Tell by a predicate what is frozen."""
    return path[0] == "backbone"


def predict(state: State, x: Floats) -> Floats:
    """Predict."""
    return x @ state.params["head"]


def squared(prediction: Floats, y: Floats) -> float:
    """Declare a loss."""
    return float(((prediction - y) ** 2).sum())


exercise = Exercise(step, api="nnx")
few = Optimizers("sgd", "adam", rates=(0.1, 1.0), behind="clip_by_global_norm")
wrapper = OptaxFreeze(freeze, optimizers=few, promise=("selected", "value"))
linen = LinenTrainer(
    create, train_step, frozen=("backbone",), predict=predict, loss="mse", optimizers="all"
)
nnx = NnxTrainer(create_module, train_in_place, frozen=is_frozen, loss=squared)


@laws(linen, promise=("bits",), max_examples=10, expected={"frozen-bits": "issue 12"})
def test_freeze(law: Callable[[], None]) -> None:
    """Judge a trainer, one item for each law."""
    law()


def judged(*subjects: Exercise | OptaxFreeze | LinenTrainer | NnxTrainer | str) -> list[str]:
    """Return the ids of the laws that refute a subject."""
    report: Report = verify(*subjects, laws=["frozen-*"], seed=7, timeout=60.0, report="report")
    refuted = [row.id for row in report.rows if row.verdict == "refuted"]
    return refuted if report.exit_status else []


def trained(params: dict[str, Floats], train: Callable[[dict[str, Floats]], None]) -> str:
    """Train, and assert that the backbone stays."""
    guard = Guard(params, frozen=("backbone",), promise="value")
    before = snapshot(params)
    train(params)
    guard.check(params)
    assert_frozen(before, params, frozen=("backbone",), promise="bits")
    return f"{len(before)} leaves: {guard.report()}"


version: str = frostproof.__version__
found: list[str] = judged("train.py:step", exercise, wrapper, linen, nnx)
