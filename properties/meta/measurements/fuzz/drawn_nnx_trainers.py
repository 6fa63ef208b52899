"""Draws NNX trainers: modules of two parameters that are trained in place, with odd parts."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof import NnxTrainer
from frostproof.properties.meta.measurements.fuzz.drawing import Drawing
from frostproof.properties.meta.measurements.fuzz.odd_keywords import answering
from frostproof.properties.meta.measurements.fuzz.odd_values import RAISED
from frostproof.properties.meta.measurements.fuzz.trainer_parts import (
    RETURNS,
    drawn_keywords,
    gradients,
    inputs_of,
    odd_extra,
    odd_functions,
    raise_made,
)


class Net(nnx.Module):
    """Two parameters, and one more thing."""

    def __init__(self, seed: int, inputs: int, extra: Any):
        self.w = nnx.Param(jax.random.normal(jax.random.key(seed), (inputs, 1)))
        self.b = nnx.Param(jnp.zeros(1))
        self.extra = extra


def _replaced(name: str, make: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda model: setattr(model, name, make(getattr(model, name)))


#: How an odd value is kept in a module.
HOLDS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda value: value,
    "Param": nnx.Param,
    "Variable": nnx.Variable,
    "BatchStat": nnx.BatchStat,
    "RngState": nnx.RngState,
    "data": nnx.data,
    "static": nnx.static,
    "list": lambda value: nnx.List([value]),
    "dict": lambda value: nnx.Dict(a=value),
}
#: What a step does to its module beside training.
CHANGES: dict[str, Callable[[Any], None]] = {
    "plain": lambda model: None,
    "w becomes a Variable": _replaced("w", lambda w: nnx.Variable(w[...])),
    "w becomes a BatchStat": _replaced("w", lambda w: nnx.BatchStat(w[...])),
    "w becomes an array": _replaced("w", lambda w: w[...]),
    "w becomes None": _replaced("w", lambda w: None),
    "w becomes text": _replaced("w", lambda w: "text"),
    "w becomes a list": _replaced("w", lambda w: nnx.List([w])),
    "w is a new Param": _replaced("w", lambda w: nnx.Param(w[...] + 1)),
    "w holds text": lambda model: model.w.set_raw_value("text"),
    "w holds None": lambda model: model.w.set_raw_value(None),
    "w holds a function": lambda model: model.w.set_raw_value(jnp.tanh),
    "w holds another shape": lambda model: model.w.set_raw_value(jnp.ones(5)),
    "w holds another dtype": lambda model: model.w.set_raw_value(jnp.ones((3, 1), jnp.int8)),
    "w is deleted": lambda model: delattr(model, "w"),
    "w is tied": lambda model: setattr(model, "tied", model.w),
    "b is deleted": lambda model: delattr(model, "b"),
    "extra is deleted": lambda model: delattr(model, "extra"),
    "extra refers back": lambda model: setattr(model, "extra", nnx.List([model])),
    "donates w": lambda model: model.w[...].delete(),
    "moves w": lambda model: model.w.set_raw_value(model.w[...] + 1),
    **{f"raises {name}": (lambda model, m=make: raise_made(m)) for name, make in RAISED.items()},
}


class Holder:
    """An optimizer of the user's own, unknown to NNX."""

    def __init__(self, model: Any, tx: Any):
        self.tx = tx
        self.opt_state = tx.init(nnx.to_pure_dict(nnx.state(model, nnx.Param)))


#: What may be returned in the place of an optimizer.
HELD: dict[str, Callable[[Any, Any], Any]] = {
    "plain": lambda model, tx: nnx.Optimizer(
        model, tx, wrt=nnx.All(nnx.Param, nnx.PathContains("b"))
    ),
    "all parameters": lambda model, tx: nnx.Optimizer(model, tx, wrt=nnx.Param),
    "own": Holder,
    "None": lambda model, tx: None,
    "the transformation": lambda model, tx: tx,
    "text": lambda model, tx: "optimizer",
    "dict": lambda model, tx: {"tx": tx},
    "model": lambda model, tx: model,
    "every variable": lambda model, tx: nnx.Optimizer(model, tx, wrt=nnx.Variable),
    "none of them": lambda model, tx: nnx.Optimizer(model, tx, wrt=nnx.BatchStat),
}


def drawn_nnx_trainer(draw: Drawing) -> Any:
    """Draw the arguments of an `NnxTrainer`, and make it."""
    extra = odd_extra(draw, "in the module")
    holds = draw.one("held as", HOLDS, odd=0.7)
    held = draw.one("optimizer", HELD, odd=0.3)
    changes = draw.one("step", CHANGES, odd=0.35)
    loss_of = draw.one(
        "step",
        {
            name: each
            for name, each in RETURNS.items()
            if "loss" in name or name in ("plain", "None", "three", "list")
        },
        odd=0.2,
    )
    at = draw.one("from step", {"first": 1, "second": 2}, odd=0.5)

    def create(seed: int, batch: Any, optimizer: Any) -> Any:
        model = Net(seed, inputs_of(batch)[0].shape[1], holds(extra()))
        return model, held(model, optimizer)

    def train_step(model: Any, optimizer: Any, batch: Any) -> Any:
        first = not np.any(np.asarray(model.b[...]))
        loss, (w, b) = gradients(model.w[...], model.b[...], *inputs_of(batch))
        if isinstance(optimizer, nnx.Optimizer):
            grads = nnx.State({"w": nnx.Param(w * 0), "b": nnx.Param(b)})
            optimizer.update(model, nnx.filter_state(grads, optimizer.wrt))
        else:
            model.b[...] = model.b[...] - 0.1 * b
        if not first or at == 1:
            changes(model)
            answer = loss_of(None, None, loss)
            return answer[1] if isinstance(answer, tuple) and len(answer) == 2 else answer
        return loss

    keywords = drawn_keywords(
        draw,
        predict=lambda model, x: x @ model.w[...] + model.b[...],
        params=lambda model: nnx.state(model, nnx.Param),
        with_params=lambda model, params: nnx.update(model, params),
        opt_state=lambda optimizer: optimizer.opt_state,
        model_state=lambda model: model.extra,
        refreeze=draw.one("refreeze", REFREEZES, odd=0.6),
        skips=lambda model, batch: False,
        load=lambda model, optimizer, folder: None,
    )
    keywords |= odd_functions(draw, create=create, train_step=train_step)
    return NnxTrainer(**keywords)


def _retyped(kind: Any) -> Callable[[Any, Any], None]:
    def refreeze(model: Any, frozen: Any) -> None:
        for name in ("w", "b"):
            value = getattr(model, name)[...]
            setattr(model, name, kind(value) if name in frozen else nnx.Param(value))

    return refreeze


REFREEZES: dict[str, Callable[..., Any]] = {
    "plain": lambda model, frozen: None,
    "retypes": _retyped(nnx.Variable),
    "retypes as statistics": _retyped(nnx.BatchStat),
    "retypes as keys": _retyped(nnx.RngState),
    "replaces by arrays": _retyped(lambda value: value),
    "rebuilds": lambda model, optimizer, frozen: (
        model,
        nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param),
    ),
    "returns three": lambda model, optimizer, frozen: (model, optimizer, 1),
    "returns an int": lambda model, frozen: 3,
    "returns a state": lambda model, frozen: nnx.state(model),
    "deletes": lambda model, frozen: delattr(model, "w"),
    "another module": lambda model, frozen: Net(0, 3, None),
    "raises": answering("raises ValueError"),
}
