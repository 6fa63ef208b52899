"""What drawn trainers of both APIs are made of: gradients, odd answers of a step, keywords."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    with_odd_answers,
)
from frostproof.properties.meta.measurements.fuzz.odd_values import ODD_VALUES


@jax.jit
def gradients(w: Any, b: Any, x: Any, y: Any) -> Any:
    def loss(w: Any, b: Any) -> Any:
        return jnp.mean((x @ w + b - y) ** 2)

    return jax.value_and_grad(loss, (0, 1))(w, b)


def inputs_of(batch: Any) -> tuple[Any, Any]:
    """Return inputs and targets of a batch in any of the forms that are drawn."""
    x, y = (batch["x"], batch["y"]) if isinstance(batch, dict) else batch[:2]
    return x, jnp.reshape(y, (x.shape[0], 1))


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


def raise_made(make: Callable[[], BaseException]) -> None:
    raise make()


def odd_extra(draw: Drawing, part: str) -> Any:
    return draw.one(part, ODD_VALUES, odd=0.6)


def odd_functions(draw: Drawing, **functions: Any) -> dict[str, Any]:
    """Return the functions that every trainer has; few are odd as a whole."""
    odd = with_odd_answers(None)
    return {
        name: draw.one(name, odd | {"plain": function, "no function": 3}, odd=0.04)
        for name, function in functions.items()
    }


def drawn_keywords(draw: Drawing, **functions: Any) -> dict[str, Any]:
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
