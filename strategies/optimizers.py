"""Optimizers as values: drawn from the catalogue, compared, printed, and built once for all."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import final

import jax
import optax
from hypothesis import strategies as st

from .optimizer_catalogue import (
    CATALOGUE,
    COMMON,
    WRAPPERS,
    Entry,
    Facts,
    Hyperparameter,
    Setting,
)


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

    def __str__(self) -> str:
        """Return the source without its modules: `adamw(learning_rate=0.1, weight_decay=0.1)`."""
        return re.sub(r"\boptax\.(contrib\.)?", "", self.source)

    __repr__ = __str__


@functools.cache
def _transformation(optimizer: Optimizer) -> optax.GradientTransformation:
    # Interned, because a trainer compiles again for every optimizer object that is new to it:
    # 170 to 210 ms against 5. Built from the very source that a reproduction script shows.
    return eval(optimizer.source, {"jax": jax, "optax": optax})


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


def named(
    *names: str, learning_rates: tuple[float, ...] | None = None
) -> st.SearchStrategy[Optimizer]:
    """Draw one of these rows and its hyperparameters; shrinks to the first of each."""
    return _rows(names, st.none(), learning_rates)


def wrapped(inner: st.SearchStrategy[Optimizer], *names: str) -> st.SearchStrategy[Optimizer]:
    """Draw one of these wrappers around an optimizer that is drawn."""
    return _rows(names, inner)


def common(learning_rates: tuple[float, ...] | None = None) -> st.SearchStrategy[Optimizer]:
    """Draw from the common set, plain or behind clipping by global norm; shrinks to plain sgd(1.0).

    It is what freezing code promises unless it says otherwise. Other learning rates, finite in
    float32, can be negative or huge: none of these optimizers refuses one.
    """
    plain = named(*COMMON, learning_rates=learning_rates)
    return plain | wrapped(plain, "clip_by_global_norm")


def catalogue() -> st.SearchStrategy[Optimizer]:
    """Draw from everything that needs no extra update arguments; shrinks to plain sgd(1.0).

    Left out are the rows that say why (`excluded`), wrappers around other optimizers than those of
    the common set, and wrappers around wrappers.
    """
    beyond = [name for name in CATALOGUE if name not in (*COMMON, *WRAPPERS)]
    return (
        common()
        | named(*(name for name in beyond if not CATALOGUE[name].excluded))
        | wrapped(named(*COMMON), *(name for name in WRAPPERS if not CATALOGUE[name].excluded))
    )


def _rows(
    names: tuple[str, ...],
    inner: st.SearchStrategy[Optimizer | None],
    learning_rates: tuple[float, ...] | None = None,
) -> st.SearchStrategy[Optimizer]:
    rows = {
        name: st.builds(
            functools.partial(Optimizer, name),
            st.sampled_from(CATALOGUE[name].settings(learning_rates)),
            inner,
        )
        for name in names
    }
    return st.sampled_from(names).flatmap(rows.__getitem__)
