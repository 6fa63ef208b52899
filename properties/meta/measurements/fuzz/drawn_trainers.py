"""Draws trainers of both APIs: plain programs of two leaves, with odd parts in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof import LinenTrainer, NnxTrainer
from frostproof.properties.meta.measurements.fuzz.drawing import Drawing
from frostproof.properties.meta.measurements.fuzz.odd_keywords import (
    BATCHES,
    COPIES,
    FROZEN,
    INITIAL,
    LOSSES,
    OPTIMIZERS,
    PROMISES,
    SAVES,
    STEPS,
    answering,
    with_odd_answers,
)
from frostproof.properties.meta.measurements.fuzz.odd_values import ODD_VALUES, RAISED


@jax.jit
def _gradients(w: Any, b: Any, x: Any, y: Any) -> Any:
    def loss(w: Any, b: Any) -> Any:
        return jnp.mean((x @ w + b - y) ** 2)

    return jax.value_and_grad(loss, (0, 1))(w, b)


def inputs_of(batch: Any) -> tuple[Any, Any]:
    """Return inputs and targets of a batch in any of the forms that are drawn."""
    x, y = (batch["x"], batch["y"]) if isinstance(batch, dict) else batch[:2]
    return x, jnp.reshape(y, (x.shape[0], 1))


class State(flax.struct.PyTreeNode):
    """A state like Flax's own."""

    params: Any
    opt_state: Any
    average: Any
    extra: Any
    tx: Any = flax.struct.field(pytree_node=False)


@dataclass
class Opaque:
    """A state that JAX does not know."""

    params: Any
    opt_state: Any
    average: Any
    extra: Any
    tx: Any

    def replace(self, **changes: Any) -> Any:
        return Opaque(**{**vars(self), **changes})


class Bunch(dict):  # type: ignore[type-arg]
    """A state that is a dict with attributes, a leaf to JAX."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def replace(self, **changes: Any) -> Any:
        return Bunch({**self, **changes})


class Slots:
    """A state without a `__dict__`."""

    __slots__ = ("average", "extra", "opt_state", "params", "tx")

    def __init__(self, **parts: Any):
        for name, part in parts.items():
            setattr(self, name, part)

    def replace(self, **changes: Any) -> Any:
        return Slots(**{name: getattr(self, name) for name in self.__slots__} | changes)


STATES = {"pytree": State, "opaque": Opaque, "dict": Bunch, "slots": Slots}


def _changed(array: Any) -> Any:
    return array + 1 if hasattr(array, "dtype") else array


#: What a step may return in the place of the next state and the loss.
RETURNS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "plain": lambda old, new, loss: (new, loss),
    "state alone": lambda old, new, loss: new,
    "None": lambda old, new, loss: None,
    "swapped": lambda old, new, loss: (loss, new),
    "three": lambda old, new, loss: (new, loss, 1),
    "list": lambda old, new, loss: [new, loss],
    "old state": lambda old, new, loss: (old, loss),
    "no state": lambda old, new, loss: (None, loss),
    "dict for the state": lambda old, new, loss: ({"params": new.params}, loss),
    "loss is None": lambda old, new, loss: (new, None),
    "loss is text": lambda old, new, loss: (new, "0.5"),
    "loss is an array": lambda old, new, loss: (new, jnp.ones(2)),
    "loss is NaN": lambda old, new, loss: (new, jnp.nan),
    "loss is complex": lambda old, new, loss: (new, jnp.complex64(1j)),
    "loss is a complex number": lambda old, new, loss: (new, 1j),
    "loss is a bool": lambda old, new, loss: (new, True),
    "loss is huge": lambda old, new, loss: (new, 10**400),
    "loss is a key": lambda old, new, loss: (new, jax.random.key(0)),
    "loss is of text": lambda old, new, loss: (new, np.array("text")),
    "loss is of objects": lambda old, new, loss: (new, np.array(None)),
    "loss is a date": lambda old, new, loss: (new, np.datetime64("2020-01-01")),
    "loss has a false dtype": lambda old, new, loss: (new, ODD_VALUES["false dtype"]()),
    "loss is a pytree": lambda old, new, loss: (new, {"loss": loss}),
    "loss is float0": lambda old, new, loss: (new, np.zeros((), jax.dtypes.float0)),
    "params are None": lambda old, new, loss: (new.replace(params=None), loss),
    "params are empty": lambda old, new, loss: (new.replace(params={}), loss),
    "a leaf less": lambda old, new, loss: (new.replace(params={"b": new.params["b"]}), loss),
    "a leaf more": lambda old, new, loss: (new.replace(params={**new.params, "c": loss}), loss),
    "frozen moves": lambda old, new, loss: (
        new.replace(params=jax.tree.map(_changed, new.params)),
        loss,
    ),
    "params of another shape": lambda old, new, loss: (
        new.replace(params={**new.params, "b": jnp.ones((2, 2))}),
        loss,
    ),
    "params of another dtype": lambda old, new, loss: (
        new.replace(params={**new.params, "w": new.params["w"].astype(jnp.bfloat16)}),
        loss,
    ),
    "frozen becomes text": lambda old, new, loss: (
        new.replace(params={**new.params, "w": "text"}),
        loss,
    ),
    "frozen becomes a tree": lambda old, new, loss: (
        new.replace(params={**new.params, "w": {"a": new.params["w"]}}),
        loss,
    ),
    "frozen becomes NaN": lambda old, new, loss: (
        new.replace(params={**new.params, "w": new.params["w"] * jnp.nan}),
        loss,
    ),
    "no optimizer state": lambda old, new, loss: (new.replace(opt_state=None), loss),
    "optimizer state is a function": lambda old, new, loss: (
        new.replace(opt_state=jnp.tanh),
        loss,
    ),
    "extra grows": lambda old, new, loss: (new.replace(extra=[new.extra, loss]), loss),
    "extra is a node that raises": lambda old, new, loss: (
        new.replace(extra=ODD_VALUES["node that raises"]()),
        loss,
    ),
}
#: What a step does beside training.
DOES = {
    "plain": lambda old, batch: None,
    "deletes its state": lambda old, batch: old.params["b"].delete(),
    "deletes the frozen": lambda old, batch: old.params["w"].delete(),
    "writes into its batch": lambda old, batch: np.multiply(batch.x, 2, out=batch.x),
    "reads its prediction": lambda old, batch: float(old.params["w"].sum()),
    **{f"raises {name}": (lambda old, batch, m=make: _raise(m)) for name, make in RAISED.items()},
}


def _raise(make: Callable[[], BaseException]) -> None:
    raise make()


def _odd_extra(draw: Drawing, part: str) -> Any:
    return draw.one(part, ODD_VALUES, odd=0.6)


def drawn_linen_trainer(draw: Drawing) -> Any:
    """Draw the arguments of a `LinenTrainer`, and make it."""
    kind = draw.one("state", STATES, odd=0.4)
    in_params, in_state = _odd_extra(draw, "in the parameters"), _odd_extra(draw, "in the state")
    holds = draw.chance(0.4)
    returns = draw.one("step", RETURNS, odd=0.35)
    does = draw.one("step", DOES, odd=0.1)
    at = draw.one("from step", {"first": 1, "second": 2}, odd=0.5)
    through = draw.chance(0.15)  # the optimizer sees the odd leaf as well
    frozen_dict = draw.chance(0.1)

    def create(seed: int, batch: Any, optimizer: Any) -> Any:
        x, _ = inputs_of(batch)
        w = jax.random.normal(jax.random.key(seed), (x.shape[1], 1))
        params = {"w": w, "b": jnp.zeros(1)}
        if holds:
            params["extra"] = in_params()
        trained = params if through else {"w": w, "b": params["b"]}
        tx = optax.partition(
            {"train": optimizer, "freeze": optax.set_to_zero()},
            jax.tree_util.tree_map_with_path(
                lambda path, _: "freeze" if path[0].key == "w" else "train", trained
            ),
        )
        shown = flax.core.freeze(params) if frozen_dict else params
        average = jax.tree.map(lambda a: a, trained)
        return kind(
            params=shown, opt_state=tx.init(trained), average=average, extra=in_state(), tx=tx
        )

    def train_step(state: Any, batch: Any) -> Any:
        trained = {name: state.params[name] for name in ("w", "b")}
        loss, (w, b) = _gradients(*trained.values(), *inputs_of(batch))
        given: Any = {"w": w, "b": b}
        if through:
            trained, given = state.params, {**state.params, **given}
        updates, opt_state = state.tx.update(given, state.opt_state, trained)
        params = {**state.params, **optax.apply_updates(trained, updates)}
        new = state.replace(params=params, opt_state=opt_state, average=params)
        if steps_of(state) + 1 < at:
            return new, loss
        does(state, batch)
        return returns(state, new, loss)

    def predict(state: Any, x: Any) -> Any:
        return x @ state.params["w"] + state.params["b"]

    keywords = _keywords(
        draw,
        predict=predict,
        params=lambda state: state.params,
        with_params=lambda state, params: state.replace(params=params),
        opt_state=lambda state: state.opt_state,
        model_state=lambda state: state.extra,
        refreeze=lambda state, frozen: state,
        skips=lambda state, batch: False,
        load=lambda state, folder: state,
    )
    keywords |= _odd_functions(draw, create=create, train_step=train_step)
    return LinenTrainer(**keywords)


#: Steps seen of a training by its optimizer's state: programs count in many ways, this one coarsely
def steps_of(state: Any) -> int:
    """Return 0 before the first step of a training, as its bias shows, and 1 after it."""
    return int(bool(np.any(np.asarray(state.params["b"]))))


def _odd_functions(draw: Drawing, **functions: Any) -> dict[str, Any]:
    """Return the functions that every trainer has; few are odd as a whole."""
    odd = with_odd_answers(None)
    return {
        name: draw.one(name, odd | {"plain": function, "no function": 3}, odd=0.04)
        for name, function in functions.items()
    }


def _keywords(draw: Drawing, **functions: Any) -> dict[str, Any]:
    """Draw what both kinds of trainers may be given; each keyword is mostly left out."""
    keywords: dict[str, Any] = {}
    for name, plain in functions.items():
        if name != "load" and draw.chance(0.35):
            choices = with_odd_answers(plain) | {"no function": 3}
            keywords[name] = draw.one(name, choices, odd=0.3)
    for name, choices, odd in (
        ("frozen", FROZEN, 0.3),
        ("optimizers", OPTIMIZERS, 0.25),
        ("batches", BATCHES, 0.15),
        ("loss", LOSSES, 0.3),
        ("steps", STEPS, 0.1),
        ("promise", PROMISES, 0.15),
        ("copies", COPIES, 0.2),
        ("initial", INITIAL, 0.2),
    ):
        keywords[name] = draw.one(name, choices, odd)
    save = draw.one("save", SAVES, odd=0.2)
    if save is not None:
        choices = with_odd_answers(functions["load"])
        keywords |= {"save": save, "load": draw.one("load", choices, odd=0.5)}
    return keywords


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
    **{f"raises {name}": (lambda model, m=make: _raise(m)) for name, make in RAISED.items()},
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
    extra = _odd_extra(draw, "in the module")
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
        loss, (w, b) = _gradients(model.w[...], model.b[...], *inputs_of(batch))
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

    keywords = _keywords(
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
    keywords |= _odd_functions(draw, create=create, train_step=train_step)
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
