"""Draws optimizers: from the common set, from the whole catalogue, inside wrappers."""

import functools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from ..reference.optimizers.catalogue import CATALOGUE, COMMON, WRAPPERS, Facts
from ..reference.optimizers.declared import Optimizers, expected_optimizers
from ..reference.optimizers.optimizer import Optimizer, as_optimizer
from ..reference.subjects.signatures import UnusableSubject


def named(
    *names: str, learning_rates: tuple[float, ...] | None = None
) -> st.SearchStrategy[Optimizer]:
    """Draw one of these rows and its hyperparameters; shrinks to the first of each."""
    return _rows(names, st.none(), learning_rates)


def wrapped(inner: st.SearchStrategy[Optimizer], *names: str) -> st.SearchStrategy[Optimizer]:
    """Draw one of these wrappers around an optimizer that is drawn."""
    return _rows(names, inner)


@functools.cache
def common(learning_rates: tuple[float, ...] | None = None) -> st.SearchStrategy[Optimizer]:
    """Draw from the common set, plain or behind clipping by global norm; shrinks to plain sgd(1.0).

    It is what freezing code promises unless it says otherwise. Other learning rates, finite in
    float32, can be negative or huge: none of these optimizers refuses one.
    """
    plain = named(*COMMON, learning_rates=learning_rates)
    return plain | wrapped(plain, "clip_by_global_norm")


@functools.cache
def every_common() -> tuple[Optimizer, ...]:
    """Return all that `common` draws from."""
    plain = [Optimizer(name, each) for name in COMMON for each in CATALOGUE[name].settings()]
    clip = "clip_by_global_norm"
    clips = CATALOGUE[clip].settings()
    return (*plain, *(Optimizer(clip, each, inner) for each in clips for inner in plain))


@functools.cache
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


@functools.cache
def catalogue_for_zero_gradients() -> st.SearchStrategy[Optimizer]:
    """Draw from the catalogue, every other time an optimizer that moves leaves of zero gradient.

    Those are few, and code that promises less than the catalogue fails under them first.
    """
    restless = [
        name
        for name, entry in CATALOGUE.items()
        if entry.facts.moves_on_zero_gradient and not (entry.excluded or entry.wraps)
    ]
    return st.sampled_from((catalogue(), named(*restless))).flatmap(lambda drawn: drawn)


@functools.cache
def behind_clipping() -> st.SearchStrategy[Optimizer]:
    """Draw from the common set, behind clipping by global norm; shrinks to that of sgd(1.0).

    Those that decay are left out: a subject may promise nothing of them.
    """
    resting = [name for name in COMMON if not CATALOGUE[name].facts.moves_on_zero_gradient]
    return wrapped(named(*resting), "clip_by_global_norm")


def promised(optimizers: Any) -> st.SearchStrategy[Optimizer]:
    """Draw the optimizers that a subject's `optimizers=` names.

    Args:
        optimizers: "common", "all", `Optimizers`, or a strategy of catalogue rows or of Optax
            transformations. Our references may have a predicate on `Facts`, which picks from the
            common set.

    Raises:
        UnusableSubject: for anything else.
    """
    if isinstance(optimizers, Optimizers):
        rows = named(*optimizers.names, learning_rates=optimizers.rates)
        return wrapped(rows, optimizers.behind) if optimizers.behind else rows
    if optimizers == "common":
        return common()
    if optimizers == "all":
        return catalogue()
    if callable(optimizers) and not isinstance(optimizers, st.SearchStrategy):
        return _common_where(optimizers)
    if not isinstance(optimizers, st.SearchStrategy):
        raise UnusableSubject(expected_optimizers(optimizers))
    return optimizers.map(as_optimizer)


def names_none(optimizers: Any, keeps: Callable[[Optimizer], bool]) -> bool:
    """Tell whether a subject's `optimizers=` names rows, and `keeps` keeps none of them."""
    if not isinstance(optimizers, Optimizers):
        return False
    rows = [Optimizer(name) for name in optimizers.names]
    if optimizers.behind is not None:
        rows = [Optimizer(optimizers.behind, inner=row) for row in rows]
    return not any(map(keeps, rows))


def are_its_own(optimizers: Any) -> bool:
    """Tell whether a subject's `optimizers=` names or draws particular ones."""
    return isinstance(optimizers, Optimizers | st.SearchStrategy)


def _common_where(accepted: Callable[[Facts], bool]) -> st.SearchStrategy[Optimizer]:
    """Draw from what `common` draws from, where the facts are accepted."""
    clip = CATALOGUE["clip_by_global_norm"].facts
    plain = [name for name in COMMON if accepted(CATALOGUE[name].facts)]
    clipped = [name for name in COMMON if accepted(CATALOGUE[name].facts | clip)]
    drawn = named(*plain)
    return drawn | wrapped(named(*clipped), "clip_by_global_norm") if clipped else drawn


@functools.cache
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
