"""Optimizers as values: rows of the catalogue that can be compared, printed, recorded and built."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, final

from ..pytrees.articles import a_type_of
from .catalogue import CATALOGUE, Entry, Facts, Hyperparameter, Setting
from .compiled_optimizer import compiled

if TYPE_CHECKING:  # a law book is read without loading JAX
    import optax

_LARGEST = sys.float_info.max


@final
@dataclass(frozen=True, repr=False)
class Optimizer:
    """A row of the catalogue with its hyperparameters, around another one if it is a wrapper.

    Its facts are those of the catalogue. They hold for the values that are drawn, and may not for
    others, such as `adamw` without weight decay.
    """

    name: str
    hyperparameters: Setting = ()
    inner: Optimizer | None = None

    @property
    def entry(self) -> Entry:
        """The row of the catalogue."""
        return CATALOGUE[self.name]

    @property
    def facts(self) -> Facts:
        """The facts of the optimizer, those of the inner one included."""
        return self.entry.facts | self.inner.facts if self.inner else self.entry.facts

    @property
    def needs(self) -> tuple[str, ...]:
        """The keywords that `update` requires, also for the inner optimizer."""
        return self.entry.needs + (self.inner.needs if self.inner else ())

    @property
    def source(self) -> str:
        """The Python source that builds it, where `jax` and `optax` are imported."""
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.hyperparameters)
        return self.entry.template.format(arguments, inner=self.inner and self.inner.source)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The Optax object, the same one for all equal optimizers."""
        return _transformation(self)

    def at_rate(self, learning_rate: float) -> Optimizer:
        """Return the optimizer at another learning rate, if it has a `learning_rate`."""
        if self.inner is not None:
            return replace(self, inner=self.inner.at_rate(learning_rate))
        rated = [
            (key, learning_rate if key == "learning_rate" else value)
            for key, value in self.hyperparameters
        ]
        return replace(self, hyperparameters=tuple(rated))

    def record(self) -> dict[str, Any]:
        """Return a record for JSON, from which `read_optimizer` makes the optimizer again."""
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

    # Interned, because a trainer compiles again for every new optimizer object: 170 to 210 ms
    # against 5. Built from the source that the script of a counterexample shows.
    made = eval(optimizer.source, {"jax": jax, "optax": optax})
    return compiled(made) if optimizer.name in _BRANCHING else made


#: Rows whose update branches or loops inside. Outside `jit`, JAX traces and compiles that anew at
#: each call: 13 to 60 ms, where a step of the others takes 6. To compile it as a whole takes twice
#: as long, but only once.
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
    """Return a row of the catalogue as an optimizer.

    Args:
        name: the row.
        inner: the optimizer inside, if the row is a wrapper.
        hyperparameters: values; a missing one is the first of its pool.

    Raises:
        ValueError: for an unknown row or hyperparameter, and for a missing or useless `inner`.
    """
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
        raise ValueError(f"{fields!r} is not a record of an optimizer")
    if fields == OWN.record():
        return OWN
    inner = None if fields["inner"] is None else read_optimizer(fields["inner"])
    if isinstance(inner, OwnOptimizer):
        raise ValueError(f"{fields!r} is not a record of an optimizer")
    values = fields["hyperparameters"]
    numbers = [value for value in values.values() if isinstance(value, float | int)]
    if len(numbers) < len(values) or not all(abs(number) <= _LARGEST for number in numbers):
        raise ValueError(f"hyperparameters must be finite numbers, got {values!r}")
    return optimizer(fields["name"], inner, **values)


_EVERYTHING = Facts(*(True for _ in fields(Facts)))
_ALL_BUT_PICKY = replace(_EVERYTHING, picky=False)


@final
@dataclass(frozen=True, repr=False)
class ForeignOptimizer:
    """A transformation that a strategy of the user drew; nothing is known about it."""

    transformation: optax.GradientTransformation
    name: str = "an optimizer of the subject's own strategy"
    hyperparameters: Setting = ()
    inner: None = None
    #: The union of all facts: it may do everything that some optimizer does.
    facts: Facts = _EVERYTHING

    def at_rate(self, learning_rate: float) -> ForeignOptimizer:
        """Return itself: its rate cannot be changed."""
        del learning_rate
        return self

    def record(self) -> dict[str, Any]:
        """Return a record that says that the optimizer cannot be made again from it."""
        return {"name": self.name, "hyperparameters": {}, "inner": None}

    @property
    def source(self) -> str:
        """A placeholder with the name, which does not run."""
        return f"...  # {self.name}"

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


@final
@dataclass(frozen=True, repr=False)
class OwnOptimizer:
    """The optimizer of a program that ignores the one it is handed; nothing is known about it."""

    name: str = "its own optimizer"
    hyperparameters: Setting = ()
    inner: None = None
    #: The union of all facts but `picky`: if it raises, the program does.
    facts: Facts = _ALL_BUT_PICKY
    #: The optimizer that the program is handed, and ignores.
    source: str = "optax.sgd(learning_rate=1.0)"

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The Optax object that the program is handed, always the same one."""
        return optimizer("sgd", learning_rate=1.0).transformation

    def at_rate(self, learning_rate: float) -> OwnOptimizer:
        """Return itself: its rate cannot be changed."""
        del learning_rate
        return self

    def record(self) -> dict[str, Any]:
        """Return a record for JSON, from which `read_optimizer` makes the optimizer again."""
        return {"name": self.name, "hyperparameters": {}, "inner": None}

    def __str__(self) -> str:
        return f"{self.name}, or none"

    __repr__ = __str__


OWN = OwnOptimizer()


class UnusableDraw(TypeError):
    """A strategy of a subject's drew what cannot be used; the message names the keyword."""


def as_optimizer(value: Any) -> Any:
    """Return a row of the catalogue as it is, and an Optax transformation as a `ForeignOptimizer`.

    Raises `UnusableDraw` for anything else.
    """
    if isinstance(value, Optimizer | ForeignOptimizer):
        return value
    if callable(getattr(value, "init", None)) and callable(getattr(value, "update", None)):
        return ForeignOptimizer(value)
    raise UnusableDraw(f"`optimizers` drew {a_type_of(value)}, expected an Optax optimizer")
