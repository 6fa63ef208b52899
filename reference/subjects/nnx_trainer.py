"""NNX trainers under test: `create` makes module and optimizer, `train_step` trains in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, final

import flax
import jax
import jax.numpy as jnp
from flax import nnx

from ..problems.batches import Batch
from ..pytrees.paths import Path, matches, named_leaves, normalise
from .moment import Moment, take_moment
from .signatures import UnusableSubject, binds, form_of, place_of
from .trainer import Trainer
from .training import Training, copy_arrays, require_own_leaves
from .user_errors import remark

#: Variables that hold no parameters, whatever a pattern says.
_NO_PARAMETERS = (nnx.RngState, nnx.BatchStat, nnx.Cache, nnx.Intermediate, nnx.Perturbation)


#: Flax trains such variables in some ways only, and refuses others with messages of JAX.
_REFUSED = (
    "the module has variables made with {}: some ways to differentiate, compile or update these "
    "are refused by Flax {} with JAX {}, so see whether the step trains ordinary variables"
)


@final
@dataclass(frozen=True, eq=False)
class NnxTrainer(Trainer):
    """A trainer of a Flax NNX module.

    Parameters are the variables of type `nnx.Param`, those that `frozen` names, and those that an
    `nnx.Optimizer` trains. Only `create`, `train_step` and `frozen` are needed; each other keyword
    lets more laws run.

    Args:
        create: `create(seed, batch, optimizer)` returns the module and an `nnx.Optimizer`, or
            whatever the program trains with. `seed` is an int in uint32, `batch` has NumPy arrays
            `.x` and `.y`, `optimizer` is an Optax transformation.
        train_step: `train_step(model, optimizer, batch)` trains in place and returns the loss.
        frozen: path prefixes, compared segment by segment, or a predicate on the path; or a
            function of `step`, counted from 1, that returns what is frozen in that step.
        predict: `predict(model, x)` returns the prediction whose loss `train_step` reports.
        loss: "mse", or a NumPy function `loss(prediction, y)`.
        params: `params(model)` returns the parameters, where they are others.
        with_params: `with_params(model, params)` puts other parameters in place, or returns a
            module that has them.
        opt_state: `opt_state(optimizer)` returns the optimizer's state.
        model_state: `model_state(model)` returns the statistics of layers.
        refreeze: `refreeze(model, frozen)` or `refreeze(model, optimizer, frozen)` freezes other
            leaves from now on, in place or by returning a module or (module, optimizer).
        skips: `skips(model, batch)` tells before a step whether it has to be skipped, as one whose
            loss is not finite, or whose gradient is too large: it may then change nothing.
        initial: the leaves that frozen ones have to begin with, such as those of a checkpoint: a
            pytree with the names of the parameters, or of some of them, or a function without
            arguments that returns one.
        save: `save(model, optimizer, folder)` writes a checkpoint into a folder, whose path is a
            string.
        load: `load(model, optimizer, folder)` reads it into a training that has just begun, in
            place or by returning (model, optimizer). Without both, Orbax saves and restores.
        copies: which leaves have to follow which others, by paths of the module:
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
        "train_step": ("train_step(model, optimizer, batch)",),
        "predict": ("predict(model, x)",),
        "params": ("params(model)",),
        "with_params": ("with_params(model, params)",),
        "opt_state": ("opt_state(optimizer)",),
        "model_state": ("model_state(model)",),
        "refreeze": ("refreeze(model, frozen)", "refreeze(model, optimizer, frozen)"),
        "skips": ("skips(model, batch)",),
        "save": ("save(model, optimizer, folder)",),
        "load": ("load(model, optimizer, folder)",),
    }

    def begin(self, seed: int, batch: Batch, optimizer: Any) -> Training:
        """Create module and optimizer; raises `UnusableSubject` for anything else."""
        made = self.create(seed, batch, optimizer)
        pair = isinstance(made, tuple | list) and len(made) == 2
        if not pair or isinstance(made[0], nnx.Optimizer):
            raise UnusableSubject(
                f"`create`{place_of(self.create)} returned {form_of(made)}, "
                "expected (model, optimizer)"
            )
        return _NnxTraining(self, *made)


def _ways_of_keeping(model: Any) -> str:
    """Return in words by which unusual options the module's variables were made."""
    variables = jax.tree.leaves(nnx.state(model), is_leaf=lambda x: isinstance(x, nnx.Variable))
    ways = ("hijax", "ref")
    return " and ".join(
        f"`{way}=True`" for way in ways if any(getattr(v, way, False) is True for v in variables)
    )


@dataclass
class _NnxTraining:
    trainer: NnxTrainer
    model: Any = field(repr=False)
    optimizer: Any = field(repr=False)
    #: The parameters before the latest refreeze: they stay parameters, whatever type of variable a
    #: program gives what it freezes.
    _before_refreeze: frozenset[Path] = field(default=frozenset(), repr=False)
    roots: ClassVar[tuple[Path, ...]] = (("0",), ("1",))

    def params(self) -> Any:
        own = self.trainer.params
        return own(self.model) if own else nnx.state(self.model, self._is_parameter)

    def _is_parameter(self, path: Any, variable: Any) -> bool:
        name = normalise(path)
        if name in self._arrays or name in self._before_refreeze:
            return True
        kind = getattr(variable, "type", type(variable))
        if not issubclass(kind, nnx.Variable) or issubclass(kind, _NO_PARAMETERS):
            return False
        return (
            issubclass(kind, nnx.Param)
            or any(matches(name, frozen) for frozen in self.trainer.phases.values())
            or self._is_given_to_the_optimizer(path, variable)
        )

    def _is_given_to_the_optimizer(self, path: Any, variable: Any) -> bool:
        """Tell whether the optimizer trains a variable, of whatever type: `wrt=` of `nnx.Optimizer`
        may name another one than `nnx.Param`.
        """
        optimizer = self.optimizer
        return isinstance(optimizer, nnx.Optimizer) and nnx.filterlib.to_predicate(optimizer.wrt)(
            path, variable
        )

    @cached_property
    def _arrays(self) -> frozenset[Path]:
        """Arrays that layers of Flax have where they were made with parameters: somebody put them
        in their place, by `layer.kernel = array`, and no filter of variables finds them.
        """
        return frozenset(
            (*path, name)
            for path, node in _named_pytrees(self.model)
            if type(node).__module__.startswith("flax.nnx.nn.")
            for name, value in vars(node).items()
            if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.inexact)
        )

    def other_names(self) -> Mapping[Path, Path]:
        if self.trainer.params is not None:
            return {}
        names: dict[int, list[Path]] = {}
        for path, node in _named_pytrees(self.model):
            for name, value in vars(node).items():
                if isinstance(value, nnx.Variable):
                    names.setdefault(id(value), []).append((*path, name))
        known = named_leaves(self.params())
        tied = (each for each in names.values() if len(each) > 1)
        return {
            other: path
            for each in tied
            for path in known.keys() & each
            for other in each
            if other != path
        }

    def normalised(self) -> frozenset[Path]:
        # As read in nnx/nn/normalization.py of flax 0.12.8 and 0.12.12; in evaluation they do, too.
        return frozenset(
            (*path, "layer_instance", *normalise(inside))
            for path, node in _named_pytrees(self.model)
            if isinstance(node, nnx.WeightNorm | nnx.SpectralNorm)
            for inside, variable in nnx.to_flat_state(nnx.state(node.layer_instance, nnx.Param))
            if (
                node.variable_filter(inside, variable)
                if isinstance(node, nnx.WeightNorm)
                else variable.ndim > 1
            )
        )

    def set_params(self, params: Any) -> None:
        own = self.trainer.with_params
        if own is None:
            if self.trainer.params is not None:
                require_own_leaves(self.params(), nnx.state(self.model))
            nnx.update(self.model, params)
        else:
            self.model = own(self.model, params) or self.model

    def step(self, batch: Batch) -> Any:
        try:
            return self.trainer.train_step(self.model, self.optimizer, batch)
        except Exception as error:
            if ways := _ways_of_keeping(self.model):
                remark(error, _REFUSED.format(ways, flax.__version__, jax.__version__))
            raise

    def opt_state(self) -> Any:
        own = self.trainer.opt_state
        if own is not None:
            return own(self.optimizer)
        return nnx.state(self.optimizer) if isinstance(self.optimizer, nnx.Pytree) else None

    def model_state(self) -> Any:
        own = self.trainer.model_state
        if own is not None:
            return own(self.model)
        statistics = nnx.state(self.model, nnx.BatchStat)
        return statistics or None

    def everything(self) -> Any:
        return nnx.state((self.model, self.optimizer))

    def set_everything(self, state: Any) -> None:
        nnx.update((self.model, self.optimizer), state)

    def replace_static(self, known: Callable[[Any], Any]) -> None:
        for node in _pytrees((self.model, self.optimizer)):
            for name, value in vars(node).items():
                if _is_static(value):
                    # By hand: a module may have a say in what is set.
                    vars(node)[name] = known(value)

    def moment(self) -> Moment:
        try:
            whole = self.everything()
        except Exception:  # an object of the user's that NNX cannot look into
            return take_moment(self.params(), self.opt_state(), self.model_state(), None)
        # One walk over module and optimizer shows everything: each walk takes milliseconds.
        own = self.trainer
        empty: nnx.State[Any, Any] = nnx.State({})
        module = whole.get(0, empty)
        is_pytree = isinstance(self.optimizer, nnx.Pytree)
        return take_moment(
            own.params(self.model) if own.params else nnx.filter_state(module, self._is_parameter),
            own.opt_state(self.optimizer)
            if own.opt_state
            else (whole.get(1, empty) if is_pytree else None),
            own.model_state(self.model)
            if own.model_state
            else nnx.filter_state(module, nnx.BatchStat) or None,
            whole,
        )

    def skips(self, batch: Any) -> bool:
        assert self.trainer.skips is not None, "asked of trainers that have it"
        return bool(self.trainer.skips(self.model, batch))

    def write(self, folder: str) -> None:
        assert self.trainer.save is not None, "asked of trainers that have it"
        self.trainer.save(self.model, self.optimizer, folder)

    def read(self, folder: str) -> None:
        assert self.trainer.load is not None, "asked of trainers that have it"
        answer = self.trainer.load(self.model, self.optimizer, folder)
        if answer is not None:
            self.model, self.optimizer = answer

    def save(self) -> Any:
        graph, state = nnx.split((self.model, self.optimizer))
        return graph, copy_arrays(state)

    def restore(self, saved: Any) -> None:
        graph, state = saved
        if nnx.graphdef((self.model, self.optimizer)) == graph:
            self.set_everything(copy_arrays(state))
        else:  # a refreeze has rebuilt the optimizer: other filters, a state of another structure
            self.model, self.optimizer = nnx.merge(graph, copy_arrays(state))

    def split(self) -> tuple[Any, Any]:
        graph, state = nnx.split((self.model, self.optimizer))
        return state, graph

    def merge(self, state: Any, rest: Any) -> None:
        # Into new objects: variables that are there already take no tracers.
        self.model, self.optimizer = nnx.merge(rest, state)

    def carries_all(self) -> bool:
        return isinstance(self.optimizer, nnx.Pytree)

    def traceable(self) -> Callable[[Any], Any]:
        # On a copy of the model: an `nnx.jit` inside leaves tracers in the model it is traced on.
        graph, state = nnx.split(self.model)
        return lambda x: self.trainer.predict(nnx.merge(graph, state), x)  # type: ignore[misc]

    def predict(self, x: Any) -> Any:
        own = self.trainer.predict
        return None if own is None else own(self.model, jax.tree.map(jnp.asarray, x))

    def refreeze(self, frozen: tuple[str, ...]) -> None:
        own = self.trainer.refreeze
        assert own is not None, "laws that refreeze need it"
        self._before_refreeze = frozenset(named_leaves(self.params()))
        arguments = (self.model, self.optimizer, frozen) if binds(own, 3) else (self.model, frozen)
        answer = own(*arguments)
        if isinstance(answer, tuple | list):
            self.model, self.optimizer = answer
        elif answer is not None:
            self.model = answer


def _pytrees(value: Any) -> Iterator[nnx.Pytree]:
    """Yield the modules and optimizers of a graph, each once."""
    seen, found = set[int](), [value]
    while found:
        node = found.pop()
        if isinstance(node, list | tuple):
            found += node
        elif isinstance(node, Mapping):
            found += node.values()
        elif isinstance(node, nnx.Pytree) and id(node) not in seen:
            seen.add(id(node))
            found += vars(node).values()
            yield node


def _named_pytrees(
    node: nnx.Pytree, path: Path = (), around: tuple[int, ...] = ()
) -> Iterator[tuple[Path, nnx.Pytree]]:
    """Yield a module and those in it, each by every path that leads to it."""
    if id(node) in around:  # a module that refers to one around it
        return
    yield path, node
    for name, value in vars(node).items():
        if isinstance(value, nnx.Pytree):
            yield from _named_pytrees(value, (*path, name), (*around, id(node)))


def _is_static(value: Any) -> bool:
    """Tell whether a value consists of functions alone, as an optimizer and a filter do."""
    if isinstance(value, nnx.Pytree | nnx.Variable) or type(value) in (bool, int, float, str):
        return False
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(map(callable, leaves))
