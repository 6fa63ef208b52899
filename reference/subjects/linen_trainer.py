"""Linen trainers under test: `create` makes a state with `.params`, `train_step` the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from ..problems.training_problem import Batch
from .moment import Moment, take_moment
from .signatures import UnusableSubject
from .trainer import Trainer
from .training import Training, copy_arrays


@final
@dataclass(frozen=True, eq=False)
class LinenTrainer(Trainer):
    """A trainer of a Flax Linen model, or of any other whose state is a pytree.

    `create(seed, batch, optimizer)` returns a `TrainState`, or any state with `.params`;
    `train_step(state, batch)` returns the next state and the loss. `seed` is an int in uint32,
    `batch` has NumPy arrays `.x` and `.y`, `optimizer` is an Optax transformation.

    Keywords for what more it can do: `predict(state, x)`, `loss` ("mse" or a NumPy callable of
    prediction and targets), `params(state)`, `with_params(state, params)`, `opt_state(state)`,
    `model_state(state)`, `refreeze(state, frozen)`, `batches` (a strategy). What a `TrainState`
    shows by itself needs no keyword. What `refreeze` freezes has to be part of the state that it
    returns: a saved state that is restored brings its frozen set back. `predict` is the prediction
    that `train_step` reports the loss of.
    """

    _calls: ClassVar = {
        "create": ("create(seed, batch, optimizer)",),
        "train_step": ("train_step(state, batch)",),
        "predict": ("predict(state, x)",),
        "params": ("params(state)",),
        "with_params": ("with_params(state, params)",),
        "opt_state": ("opt_state(state)",),
        "model_state": ("model_state(state)",),
        "refreeze": ("refreeze(state, frozen)",),
    }

    def begin(self, seed: int, batch: Batch, optimizer: Any) -> Training:
        """Create a state; raises `UnusableSubject` where it has no parameters to look at."""
        state = self.create(seed, batch, optimizer)
        if self.params is None and not hasattr(state, "params"):
            raise UnusableSubject(
                f"`create` returned a {type(state).__name__} without `.params`: "
                "return a state that has it, or say where they are by `params=`"
            )
        return _LinenTraining(self, state)


@dataclass
class _LinenTraining:
    trainer: LinenTrainer
    state: Any = field(repr=False)

    def params(self) -> Any:
        own = self.trainer.params
        return own(self.state) if own else self.state.params

    def set_params(self, params: Any) -> None:
        own = self.trainer.with_params
        state = own(self.state, params) if own else self.state.replace(params=params)
        if state is None:
            raise TypeError("`with_params` returned None, expected a state with these parameters")
        self.state = state

    def step(self, batch: Batch) -> Any:
        answer = self.trainer.train_step(self.state, batch)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise TypeError(
                f"`train_step` returned a {type(answer).__name__}, expected (state, loss)"
            )
        state, loss = answer
        if self.trainer.params is None and not hasattr(state, "params"):
            raise TypeError(
                f"`train_step` returned (a {type(state).__name__}, a {type(loss).__name__}), "
                "expected (state, loss)"
            )
        self.state = state
        return loss

    def opt_state(self) -> Any:
        own = self.trainer.opt_state
        return own(self.state) if own else getattr(self.state, "opt_state", None)

    def model_state(self) -> Any:
        own = self.trainer.model_state
        return own(self.state) if own else getattr(self.state, "batch_stats", None)

    def everything(self) -> Any:
        return self.state

    def set_everything(self, state: Any) -> None:
        self.state = state

    def moment(self) -> Moment:
        return take_moment(self.params(), self.opt_state(), self.model_state(), self.state)

    def save(self) -> Any:
        return copy_arrays(self.state)

    def restore(self, saved: Any) -> None:
        self.state = copy_arrays(saved)

    def carries_all(self) -> bool:
        return True

    def traceable(self) -> Callable[[Any], Any]:
        return self.predict

    def predict(self, x: Any) -> Any:
        own = self.trainer.predict
        return None if own is None else own(self.state, x)

    def refreeze(self, frozen: tuple[str, ...]) -> None:
        assert self.trainer.refreeze is not None, "laws that refreeze need it"
        self.state = self.trainer.refreeze(self.state, frozen)
