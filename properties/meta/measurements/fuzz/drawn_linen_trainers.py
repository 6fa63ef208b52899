"""Draws Linen trainers: plain programs of two leaves in a state of some form, with odd parts."""

from dataclasses import dataclass
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof import LinenTrainer
from frostproof.properties.meta.measurements.fuzz.drawing import Drawing
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


#: What a step does beside training.
DOES = {
    "plain": lambda old, batch: None,
    "deletes its state": lambda old, batch: old.params["b"].delete(),
    "deletes the frozen": lambda old, batch: old.params["w"].delete(),
    "writes into its batch": lambda old, batch: np.multiply(batch.x, 2, out=batch.x),
    "reads its prediction": lambda old, batch: float(old.params["w"].sum()),
    **{
        f"raises {name}": (lambda old, batch, m=make: raise_made(m))
        for name, make in RAISED.items()
    },
}


def drawn_linen_trainer(draw: Drawing) -> Any:
    """Draw the arguments of a `LinenTrainer`, and make it."""
    kind = draw.one("state", STATES, odd=0.4)
    in_params, in_state = odd_extra(draw, "in the parameters"), odd_extra(draw, "in the state")
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
        loss, (w, b) = gradients(*trained.values(), *inputs_of(batch))
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

    keywords = drawn_keywords(
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
    keywords |= odd_functions(draw, create=create, train_step=train_step)
    return LinenTrainer(**keywords)


#: Steps seen of a training by its optimizer's state: programs count in many ways, this one coarsely
def steps_of(state: Any) -> int:
    """Return 0 before the first step of a training, as its bias shows, and 1 after it."""
    return int(bool(np.any(np.asarray(state.params["b"]))))
