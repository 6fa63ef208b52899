"""Optimizers as values: rows of the catalogue, compared, printed, recorded, built once for all."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, final

from .catalogue import CATALOGUE, Entry, Facts, Hyperparameter, Setting
from .compiled_optimizer import compiled

if TYPE_CHECKING:  # a law book is read without loading JAX
    import optax

_LARGEST = sys.float_info.max


@final
@dataclass(frozen=True, repr=False)
class Optimizer:
    """A row of the catalogue with its hyperparameters, around another one if it is a wrapper.

    Its facts are those of the catalogue: true for the values that are drawn, and not for others,
    such as `adamw` without weight decay.
    """

    name: str
    hyperparameters: Setting = ()
    inner: Optimizer | None = None

    @property
    def entry(self) -> Entry:
        """Its row."""
        return CATALOGUE[self.name]

    @property
    def facts(self) -> Facts:
        """What it does to a leaf because of others, or although the leaf's gradient is zero."""
        return self.entry.facts | self.inner.facts if self.inner else self.entry.facts

    @property
    def needs(self) -> tuple[str, ...]:
        """Keywords that `update` requires, its own or the inner optimizer's."""
        return self.entry.needs + (self.inner.needs if self.inner else ())

    @property
    def source(self) -> str:
        """Python source that builds it where `jax` and `optax` are imported."""
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.hyperparameters)
        return self.entry.template.format(arguments, inner=self.inner and self.inner.source)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The Optax object: the same one for every equal optimizer."""
        return _transformation(self)

    def at_rate(self, learning_rate: float) -> Optimizer:
        """Return the same optimizer at another learning rate, where it has one by that name."""
        if self.inner is not None:
            return replace(self, inner=self.inner.at_rate(learning_rate))
        rated = [
            (key, learning_rate if key == "learning_rate" else value)
            for key, value in self.hyperparameters
        ]
        return replace(self, hyperparameters=tuple(rated))

    def record(self) -> dict[str, Any]:
        """Return what `read_optimizer` makes the same optimizer of: JSON, and no source."""
        inner = self.inner and self.inner.record()
        return {"name": self.name, "hyperparameters": dict(self.hyperparameters), "inner": inner}

    def __str__(self) -> str:
        """Return the source without its modules: `adamw(learning_rate=0.1, weight_decay=0.1)`."""
        return re.sub(r"\boptax\.(contrib\.)?", "", self.source)

    __repr__ = __str__


@functools.cache
def _transformation(optimizer: Optimizer) -> optax.GradientTransformation:
    import jax
    import optax

    # Interned, because a trainer compiles again for every optimizer object that is new to it:
    # 170 to 210 ms against 5. Built from the very source that a reproduction script shows.
    made = eval(optimizer.source, {"jax": jax, "optax": optax})
    return compiled(made) if optimizer.name in _BRANCHING else made


#: Rows whose update branches or loops within. Outside of `jit`, JAX traces and compiles that anew
#: at each call: 13 to 60 ms, where a step of the others takes 6. Compiled as a whole it takes as
#: long as that twice, but once.
_BRANCHING = frozenset(
    {
        "apply_if_finite",
        "galore",
        "lbfgs_without_linesearch",
        "mechanize",
        "multi_steps",
        "multi_steps_skipping_nan",
        "muon",
    }
)


def optimizer(
    name: str, inner: Optimizer | None = None, /, **hyperparameters: Hyperparameter
) -> Optimizer:
    """Return a row of the catalogue with these hyperparameters, else the first of their pools."""
    if name not in CATALOGUE:
        msg = f"`{name}` is not in the optimizer catalogue, which has: {', '.join(CATALOGUE)}"
        raise ValueError(msg)
    entry = CATALOGUE[name]
    if entry.wraps != (inner is not None):
        msg = f"`{name}` {'needs an' if entry.wraps else 'takes no'} inner optimizer"
        raise ValueError(msg)
    simplest = dict(entry.settings()[0])
    if unknown := hyperparameters.keys() - simplest.keys():
        msg = f"`{name}` has the hyperparameters {[*simplest]}, not {sorted(unknown)}"
        raise ValueError(msg)
    return Optimizer(name, tuple((simplest | hyperparameters).items()), inner)


def read_optimizer(fields: Any) -> Optimizer | OwnOptimizer:
    """Return the optimizer of a record; raises `ValueError` for what is not in the catalogue."""
    if not isinstance(fields, dict) or fields.keys() != {"name", "hyperparameters", "inner"}:
        raise ValueError(f"{fields!r} is no record of an optimizer")
    if fields == OWN.record():
        return OWN
    inner = None if fields["inner"] is None else read_optimizer(fields["inner"])
    if isinstance(inner, OwnOptimizer):
        raise ValueError(f"{fields!r} is no record of an optimizer")
    values = fields["hyperparameters"]
    numbers = [value for value in values.values() if isinstance(value, float | int)]
    if len(numbers) < len(values) or not all(abs(number) <= _LARGEST for number in numbers):
        raise ValueError(f"{values!r}: hyperparameters are finite numbers")
    return optimizer(fields["name"], inner, **values)


_EVERYTHING = Facts(*(True for _ in fields(Facts)))
_ALL_BUT_PICKY = replace(_EVERYTHING, picky=False)


@final
@dataclass(frozen=True, repr=False)
class ForeignOptimizer:
    """A transformation that a subject's own strategy drew; nothing is known of it."""

    transformation: optax.GradientTransformation
    name: str = "an optimizer of the subject's own strategy"
    hyperparameters: Setting = ()
    inner: None = None
    #: As if it did everything that some optimizer does.
    facts: Facts = _EVERYTHING

    def at_rate(self, learning_rate: float) -> ForeignOptimizer:
        """Return itself: its rate is out of reach."""
        del learning_rate
        return self

    def record(self) -> dict[str, Any]:
        """Return what says that it cannot be had again from a record."""
        return {"name": self.name, "hyperparameters": {}, "inner": None}

    @property
    def source(self) -> str:
        """Nothing that could be run."""
        return f"...  # {self.name}"

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


@final
@dataclass(frozen=True, repr=False)
class OwnOptimizer:
    """That of a program which never uses the one it is handed; nothing is known of it."""

    name: str = "its own optimizer"
    hyperparameters: Setting = ()
    inner: None = None
    #: As if it did everything that some optimizer does, but for raising: that is the program's.
    facts: Facts = _ALL_BUT_PICKY
    #: What the program is handed all the same.
    source: str = "optax.sgd(learning_rate=1.0)"

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The Optax object that it is handed, the same one at all times."""
        return optimizer("sgd", learning_rate=1.0).transformation

    def at_rate(self, learning_rate: float) -> OwnOptimizer:
        """Return itself: its rate is out of reach."""
        del learning_rate
        return self

    def record(self) -> dict[str, Any]:
        """Return what `read_optimizer` makes the same of."""
        return {"name": self.name, "hyperparameters": {}, "inner": None}

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


OWN = OwnOptimizer()


def as_optimizer(value: Any) -> Any:
    """Return a row of the catalogue as it is, and an Optax transformation as one of unknown facts.

    Raises `TypeError` for anything else.
    """
    if isinstance(value, Optimizer | ForeignOptimizer):
        return value
    if callable(getattr(value, "init", None)) and callable(getattr(value, "update", None)):
        return ForeignOptimizer(value)
    raise TypeError(f"`optimizers` drew a {type(value).__name__}, expected an Optax optimizer")
