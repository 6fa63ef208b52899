"""Odd values of the keywords that trainers of both APIs share, by name; the first is plain."""

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from hypothesis import strategies as st

from frostproof import Optimizers
from frostproof.properties.meta.measurements.fuzz.odd_values import ODD_VALUES, RAISED

Named = namedtuple("Named", "x y weights")
OnlyInputs = namedtuple("OnlyInputs", "x")

#: What answers a call that is none of the plain ones: values, and exceptions.
ANSWERS = {
    **{f"returns {name}": make for name, make in ODD_VALUES.items()},
    **{f"raises {name}": make for name, make in RAISED.items()},
}


def answering(name: str) -> Callable[..., Any]:
    """Return a function of any arguments that answers so."""
    make = ANSWERS[name]

    def answer(*arguments: Any) -> Any:
        made = make()
        if name.startswith("raises"):
            raise made
        return made

    return answer


def with_odd_answers(plain: Any, name: str = "") -> dict[str, Any]:
    """Return a plain value of a keyword by the name "plain", and functions that answer oddly.

    Args:
        plain: the plain value.
        name: the form of the functions where arguments have to have names: "step" for phases.
    """
    odd = {each: answering(each) for each in ANSWERS}
    if name == "step":
        odd = {each: (lambda step, f=f: f(step)) for each, f in odd.items()}
    return {"plain": plain, "takes no argument": lambda: None, **odd}


def _second_phase_raises(step: int) -> Any:
    if step > 1:
        raise ValueError("no such phase")
    return ("w",)


FROZEN = {
    "plain": ("w",),
    "text": "w",
    "nothing": (),
    "no such leaf": ("nope",),
    "everything": ("",),
    "all names": ("w", "b"),
    "twice": ("w", "w"),
    "extra": ("extra",),
    "list": ["w"],
    "path": (("w",),),
    "ints": (1,),
    "empty path": ((),),
    "mask": {"w": True},
    "class": nnx.Param,
    "instance": 3,
    "array": np.array(["w"]),
    "set": {"w"},
    "generator": (each for each in ("w",)),
    "predicate": lambda path: path == ("w",),
    "predicate for all": lambda path: True,
    "predicate for none": lambda path: False,
    "predicate of extras": lambda path: path[0] == "extra",
    "predicate of odd answers": lambda path: np.array([True, False]),
    "predicate that raises": lambda path: path["w"],
    "predicate that raises TypeError": lambda path: path + 1,
    "predicate that exits": lambda path: exit(3),
    "phases": lambda step: ("w",) if step < 2 else ("b",),
    "phases of text": lambda step: "w",
    "phases of nothing": lambda step: (),
    "phases of None": lambda step: None,
    "phases that raise": lambda step: 1 // 0,
    "second phase raises": _second_phase_raises,
    "phases of predicates": lambda step: lambda path: path == ("w",),
    "phases of no such leaf": lambda step: ("w",) if step == 1 else ("nope",),
    "None": None,
}


def _raising(*arguments: Any) -> Any:
    raise ValueError("of the optimizer")


def _transformation(init: Any = None, update: Any = None) -> optax.GradientTransformation:
    plain = optax.sgd(0.1)
    return optax.GradientTransformation(init or plain.init, update or plain.update)


OPTIMIZERS = {
    "plain": Optimizers("sgd", rates=(0.1,)),
    "momentum": Optimizers("adamw", rates=(0.1,)),
    "common": "common",
    "all": "all",
    "no such word": "some",
    "number": 3,
    "None": None,
    "class": Optimizers,
    "foreign": st.just(optax.sgd(0.1)),
    "several foreign": st.sampled_from([optax.adam(0.1), optax.sgd(0.1)]),
    "foreign schedule": st.just(optax.sgd(optax.linear_schedule(0.0, 1.0, 3))),
    "foreign with extra arguments": st.just(optax.contrib.dadapt_adamw()),
    "foreign that needs arguments": st.just(
        optax.GradientTransformationExtraArgs(optax.sgd(0.1).init, lambda g, s, p, *, value: (g, s))
    ),
    "accumulates": st.just(optax.MultiSteps(optax.sgd(0.1), 2)),
    "injected": st.just(optax.inject_hyperparams(optax.adam)(learning_rate=0.1)),
    "nothing": st.nothing(),
    "of numbers": st.integers(),
    "of None": st.none(),
    "of optimizers": st.floats(0.1, 1).map(optax.sgd),
    "drawing raises": st.none().map(_raising),
    "rejects all": st.none().filter(bool),
    "init raises": st.just(_transformation(init=_raising)),
    "update raises": st.just(_transformation(update=_raising)),
    "update returns None": st.just(_transformation(update=lambda *_: None)),
    "updates are None": st.just(_transformation(update=lambda g, s, p=None: (None, s))),
    "updates are NaN": st.just(
        _transformation(update=lambda g, s, p=None: (jax.tree.map(lambda a: a * jnp.nan, g), s))
    ),
    "updates are a list": st.just(
        _transformation(update=lambda g, s, p=None: (jax.tree.leaves(g), s))
    ),
    "state of text": st.just(_transformation(init=lambda p: "state")),
    "state of a function": st.just(_transformation(init=lambda p: jnp.tanh)),
    "state of an object": st.just(_transformation(init=lambda p: object())),
    "state grows": st.just(
        optax.GradientTransformation(lambda p: (), lambda g, s, p=None: (g, (*s, jnp.ones(1))))
    ),
}

_X, _Y = np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)
BATCHES = {
    "plain": None,
    "dict": st.just({"x": _X, "y": _Y}),
    "tuple": st.just((_X, _Y)),
    "named tuple": st.just(Named(_X, _Y, np.ones(2, np.float32))),
    "of JAX": st.just(Named(jnp.ones((2, 3)), jnp.ones((2, 1)), None)),
    "nested": st.just(Named({"a": _X, "b": [_X]}, {"c": _Y}, None)),
    "no targets": st.just(OnlyInputs(_X)),
    "targets are None": st.just(Named(_X, None, None)),
    "text within": st.just(Named(_X, _Y, "text")),
    "text array within": st.just(Named(_X, _Y, np.array(["a", "b"]))),
    "object array within": st.just(Named(_X, _Y, np.array([None, "b"], object))),
    "function within": st.just(Named(_X, _Y, len)),
    "key within": st.just(Named(_X, _Y, jax.random.key(0))),
    "floats": st.just(Named(2.0, 1.0, None)),
    "0-d": st.just(Named(np.float32(2.0), np.float32(1.0), None)),
    "no rows": st.just(Named(_X[:0], _Y[:0], None)),
    "rows differ": st.just(Named(_X, _Y[:1], None)),
    "ints": st.just(Named(np.ones((2, 3), int), np.ones((2, 1), np.int8), None)),
    "bools": st.just(Named(_X > 0, _Y > 0, None)),
    "float64": st.just(Named(_X.astype(float), _Y.astype(float), None)),
    "complex": st.just(Named(_X + 1j, _Y + 1j, None)),
    "NaN": st.just(Named(_X * np.nan, _Y, None)),
    "int keys": st.just({0: _X, 1: _Y}),
    "mixed keys": st.just({0: _X, "y": _Y}),
    "of numbers": st.integers(),
    "of None": st.none(),
    "of nothing": st.just(()),
    "nothing": st.nothing(),
    "rejects all": st.none().filter(bool),
    "drawing raises": st.none().map(_raising),
    "drawing exits": st.none().map(lambda _: exit(3)),
    "no strategy": [Named(_X, _Y, None)],
    "function": lambda: Named(_X, _Y, None),
    "object": st.just(object()),
}

LOSSES = {
    "plain": None,
    "mse": "mse",
    "no such word": "mae",
    "number": 3,
    "function": lambda prediction, y: np.mean((prediction - y) ** 2),
    **{name: each for name, each in with_odd_answers(None).items() if name != "plain"},
}

STEPS = {
    "plain": (1, 2),
    "default": None,
    "none at all": (),
    "zero": (0,),
    "text": "12",
    "words": ("one",),
    "number": 3,
    "fraction": (1.5,),
    "bool": (True,),
    "of NumPy": (np.int64(2),),
    "array": np.array([1, 2]),
    "generator": (each for each in (1, 2)),
    "set": {1, 2},
}

PROMISES = {
    "plain": ("selected", "value"),
    "all": ("selected", "norm", "value", "bits", "inert", "isolated"),
    "text": "value",
    "none": (),
    "unknown": ("cold",),
    "numbers": (3,),
    "None": None,
    "number": 3,
    "nested": (("value",),),
    "set": {"bits"},
    "generator": (each for each in ("value",)),
}

COPIES = {
    "plain": None,
    "none": {},
    "follows": {"average": "params"},
    "rate": {"average": ("params", 0.5)},
    "rate of a step": {"average": ("params", lambda step: 0.5)},
    "rate raises": {"average": ("params", lambda step: 1 // 0)},
    "rate of text": {"average": ("params", lambda step: "half")},
    "rate of None": {"average": ("params", lambda step: None)},
    "rate is NaN": {"average": ("params", float("nan"))},
    "rate is text": {"average": ("params", "half")},
    "rate of an array": {"average": ("params", lambda step: np.ones(2))},
    "rate without step": {"average": ("params", lambda: 0.5)},
    "itself": {"w": "w"},
    "no such leaf": {"nope": "w"},
    "of no such leaf": {"b": "nope"},
    "other shapes": {"b": "w"},
    "of text": {"extra": "extra"},
    "text": "average",
    "list": ["average"],
    "set": {"average"},
    "numbers": {1: 2},
    "three": {"average": ("params", 0.5, 3)},
    "none of them": {"average": None},
    "empty": {"": ""},
}

INITIAL = {
    "plain": None,
    "same": {"w": np.ones((3, 1), np.float32)},
    "other shape": {"w": np.ones(2)},
    "other dtype": {"w": np.ones((3, 1), int)},
    "other names": {"v": np.ones(2)},
    "of text": {"w": "text"},
    "empty": {},
    "function": lambda: {"w": np.ones((3, 1), np.float32)},
    "one argument": lambda state: state,
    **{name: each for name, each in with_odd_answers(None).items() if name != "plain"},
    **{f"is {name}": make() for name, make in ODD_VALUES.items() if name != "deleted"},
}


def _writes(*arguments: Any) -> None:
    Path(arguments[-1], "state").write_text("state")


def _writes_outside(*arguments: Any) -> None:
    Path(arguments[-1]).rmdir()


SAVES = {
    "plain": None,
    "writes": _writes,
    "removes the folder": _writes_outside,
    **{name: each for name, each in with_odd_answers(None).items() if name != "plain"},
}
