"""Linen trainers under test: `create` makes a state with `.params`, `train_step` the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import jax

from ..problems.batches import Batch
from ..pytrees.paths import Path
from .moment import Moment, take_moment
from .signatures import UnusableSubject, form_of, place_of
from .trainer import Trainer
from .training import Training, copy_arrays, require_own_leaves


@final
@dataclass(frozen=True, eq=False)
class LinenTrainer(Trainer):
    """A trainer of a Flax Linen model, or of any other model whose state is a pytree.

    Only `create`, `train_step` and `frozen` are needed. Each other keyword lets more laws run; a
    `TrainState` needs none to show its parameters and its optimizer's state.

    Args:
        create: `create(seed, batch, optimizer)` returns a `TrainState`, or any state with
            `.params`. `seed` is an int in uint32, `batch` has NumPy arrays `.x` and `.y`,
            `optimizer` is an Optax transformation.
        train_step: `train_step(state, batch)` returns the next state and the loss.
        frozen: path prefixes, compared segment by segment, or a predicate on the path; or a
            function of `step`, counted from 1, that returns what is frozen in that step.
        predict: `predict(state, x)` returns the prediction whose loss `train_step` reports.
        loss: "mse", or a NumPy function `loss(prediction, y)`.
        params: `params(state)` returns the parameters, where they are not `state.params`.
        with_params: `with_params(state, params)` returns a state with other parameters.
        opt_state: `opt_state(state)` returns the optimizer's state.
        model_state: `model_state(state)` returns the statistics of layers.
        refreeze: `refreeze(state, frozen)` returns a state that freezes other leaves from now on.
            The frozen set has to be part of the state: a restored state brings its own back.
        skips: `skips(state, batch)` tells before a step whether it has to be skipped, as one whose
            loss is not finite, or whose gradient is too large: it may then change nothing.
        initial: the leaves that frozen ones have to begin with, such as those of a checkpoint: a
            pytree with the names of the parameters, or of some of them, or a function without
            arguments that returns one.
        save: `save(state, folder)` writes a checkpoint into a folder, whose path is a string.
        load: `load(state, folder)` returns the state that was saved there; `state` is that of a
            training which has just begun. Without both, Orbax saves and restores.
        copies: which leaves have to follow which others, by paths of the state:
            {"target": "online"} for an exact copy after each step, {"average": ("online", 0.01)}
            for one that goes a hundredth of the way; the rate may be a function of `step`,
            counted from 1, such as that of a copy that is made every 100 steps.
        batches: a Hypothesis strategy of batches, for a model with its own inputs.
        optimizers: under which optimizers the trainer promises to freeze: "common", "all",
            `frostproof.Optimizers`, or a Hypothesis strategy of Optax transformations.
        promise: the guarantees that it claims.
        steps: the numbers of steps that runs take, such as (1, 100); by default mostly 1 to 4 of
            those in which leaves move, and some 8, 16 or 64.

    Raises:
        UnusableSubject: where a function does not take these arguments, or an argument has another
            type.
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
        "skips": ("skips(state, batch)",),
        "save": ("save(state, folder)",),
        "load": ("load(state, folder)",),
    }

    def begin(self, seed: int, batch: Batch, optimizer: Any) -> Training:
        """Create a state; raises `UnusableSubject` where its parameters cannot be found."""
        state = self.create(seed, batch, optimizer)
        if self.params is None and not hasattr(state, "params"):
            raise UnusableSubject(
                f"`create`{place_of(self.create)} returned {form_of(state)}, without `.params`: "
                "return a state that has it, or say by `params=` where the parameters are"
            )
        return _LinenTraining(self, state)


@dataclass
class _LinenTraining:
    trainer: LinenTrainer
    state: Any = field(repr=False)
    roots: ClassVar[tuple[Path, ...]] = ((),)

    def params(self) -> Any:
        own = self.trainer.params
        return own(self.state) if own else self.state.params

    def other_names(self) -> Mapping[Path, Path]:
        return {}  # in a pytree, each place is a leaf

    def normalised(self) -> frozenset[Path]:
        return frozenset()  # modules of Linen compute with normalised weights, and store none

    def set_params(self, params: Any) -> None:
        own = self.trainer.with_params
        if own is None:
            shown, held = self.params(), self.state.params
            require_own_leaves(shown, held)
            require_own_leaves(held, shown)
        state = own(self.state, params) if own else self.state.replace(params=params)
        if state is None:
            raise TypeError("`with_params` returned None, expected a state with these parameters")
        self.state = state

    def step(self, batch: Batch) -> Any:
        answer = self.trainer.train_step(self.state, batch)
        pair = answer if isinstance(answer, tuple | list) and len(answer) == 2 else (None, None)
        state, loss = pair
        known = self.trainer.params is not None and pair is answer
        if not (known or hasattr(state, "params")):
            raise UnusableSubject(
                f"`train_step`{place_of(self.trainer.train_step)} returned {form_of(answer)}, "
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

    def replace_static(self, known: Callable[[Any], Any]) -> None:
        own: Any = self.state
        form: Any = jax.tree.structure(self.params())
        leaves, structure = jax.tree.flatten(own)
        self.state = jax.tree.unflatten(known(structure), leaves)
        if jax.tree.structure(self.params()) != form:  # a module, whose tied weights come apart
            self.state = own

    def moment(self) -> Moment:
        return take_moment(self.params(), self.opt_state(), self.model_state(), self._seen())

    def _seen(self) -> Any:
        """Return the visible part of the state: the attributes, where it is not a pytree."""
        opaque = jax.tree_util.all_leaves([self.state])
        return vars(self.state) if opaque and hasattr(self.state, "__dict__") else self.state

    def skips(self, batch: Any) -> bool:
        assert self.trainer.skips is not None, "asked of trainers that have it"
        return bool(self.trainer.skips(self.state, batch))

    def write(self, folder: str) -> None:
        assert self.trainer.save is not None, "asked of trainers that have it"
        self.trainer.save(self.state, folder)

    def read(self, folder: str) -> None:
        assert self.trainer.load is not None, "asked of trainers that have it"
        state = self.trainer.load(self.state, folder)
        if state is None:
            raise TypeError("`load` returned None, expected the state that was saved")
        self.state = state

    def save(self) -> Any:
        return copy_arrays(self.state)

    def restore(self, saved: Any) -> None:
        self.state = copy_arrays(saved)

    def split(self) -> tuple[Any, Any]:
        return self.state, None

    def merge(self, state: Any, rest: Any) -> None:
        self.state = state

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
