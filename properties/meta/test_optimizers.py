"""The optimizer catalogue is complete, and each of its facts is what the installed Optax does."""

import copy
import functools
import inspect
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from frostproof.strategies.optimizer_catalogue import CATALOGUE, COMMON, WRAPPERS, Facts
from frostproof.strategies.optimizers import (
    Optimizer,
    catalogue,
    common,
    named,
    optimizer,
    wrapped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

Leaves = dict[str, np.ndarray[Any, Any]]

STEPS, LATE = 8, (3, 4, 5)
#: The numbers here are compared with each other, never with a constant: less optimization, which
#: saves a third of the compilation, changes no fact.
COMPILER = {"xla_backend_optimization_level": 0}

_generator = np.random.default_rng(1)
#: Large enough for an average that rounds to move some element (madgrad).
PARAMS = {
    "kernel": _generator.normal(size=(11, 7)).astype(np.float32),
    "bias": _generator.normal(size=23).astype(np.float32),
}
OTHER = {"kernel": "bias", "bias": "kernel"}
#: A steady part, from which prodigy and D-adaptation learn a rate, and as much noise.
STEADY = {name: _generator.normal(size=leaf.shape) for name, leaf in PARAMS.items()}
ORDINARY = [
    {name: np.float32(part + _generator.normal(size=part.shape)) for name, part in STEADY.items()}
    for _ in range(STEPS)
]


def from_defaults(name: str) -> Optimizer:
    """A row with the first of each pool; a wrapper around sgd."""
    inner = from_defaults("sgd") if CATALOGUE[name].wraps else None
    return Optimizer(name, CATALOGUE[name].settings()[0], inner)


def to_measure() -> list[Optimizer]:
    """Every row at the ends of its pools, every wrapper around one that is still and one that moves."""
    chosen = []
    for name, entry in CATALOGUE.items():
        if entry.unfit:
            continue
        inner = ("sgd", "adamw") if entry.wraps else ("",)
        inner = COMMON if name == "clip_by_global_norm" else inner
        # Its learned scale, which starts at 1e-6, hides adamw's decay for a while.
        inner = ("sgd",) if name == "mechanize" else inner
        ends = entry.settings()[:: max(1, len(entry.settings()) - 1)]
        ends = ends[:1] if entry.wraps or len(entry.pools) == 1 else ends
        chosen += [Optimizer(name, e, from_defaults(i) if i else None) for e in ends for i in inner]
    return chosen


def trainer(subject: Optimizer, params: Leaves) -> Callable[[list[Leaves]], list[Leaves]]:
    """Return what runs a sequence of gradients, and lists the parameters before and after each."""
    tx = subject.transformation

    def step(params: Any, state: Any, gradients: Any) -> Any:
        def loss(at: Any) -> jax.Array:
            # Linear, so that `gradients` are its gradients wherever a line search looks.
            parts = jax.tree.map(lambda g, a, p: jnp.vdot(g, a - p), gradients, at, params)
            return 0.01 + sum(jax.tree.leaves(parts))

        extra = {"value": loss(params), "grad": gradients, "value_fn": loss, "obj_fn": loss}
        extra = {name: extra[name] for name in subject.needs}
        updates, state = tx.update(gradients, state, params, **extra)
        return optax.apply_updates(params, updates), state

    start, step = tx.init(params), jax.jit(step, compiler_options=COMPILER)

    def run(gradients: list[Leaves]) -> list[Leaves]:
        path, state = [params], start
        for gradient in gradients:
            params_after, state = step(path[-1], state, gradient)
            path.append(jax.device_get(params_after))
        return path

    return run


def edited(
    gradients: list[Leaves], leaf: str, change: Callable[[int, Any], Any], since: int = 0
) -> list[Leaves]:
    """Change one leaf's gradients from a step on."""
    return [
        g | {leaf: change(t, g[leaf]).astype(g[leaf].dtype)} if t >= since else g
        for t, g in enumerate(gradients)
    ]


def zero(_: int, gradient: Any) -> Any:
    """A frozen leaf's gradient."""
    return np.zeros_like(gradient)


def uneven(step: int, gradient: Any) -> Any:
    """Scale by a factor that changes, since a constant one is lost on a sign or an RMS."""
    return gradient * (100 if step % 2 else 0.01)


def poisoned(_: int, gradient: Any) -> Any:
    """One NaN."""
    return np.where(np.arange(gradient.size).reshape(gradient.shape) == 0, np.nan, gradient)


def same(one: list[Leaves], two: list[Leaves], leaf: str) -> bool:
    """Whether a leaf took the same values at every step."""
    return all(np.array_equal(a[leaf], b[leaf]) for a, b in zip(one, two, strict=True))


def measured(subject: Optimizer) -> Facts:
    """Find every fact by running the optimizer, with each leaf in turn as the frozen one."""
    run = trainer(subject, PARAMS)
    plain = run(ORDINARY)
    assert all(np.isfinite(leaf).all() for params in plain for leaf in params.values())
    still = {leaf: run(edited(ORDINARY, leaf, zero)) for leaf in PARAMS}
    coupled = moves = warm = spreads = stops = False
    for leaf, other in OTHER.items():
        moves |= not same(still[leaf], still[leaf][:1] * (STEPS + 1), leaf)
        for since in LATE:
            late = run(edited(ORDINARY, leaf, zero, since))[since:]
            warm |= not same(late, late[:1] * len(late), leaf)
        coupled |= not same(still[other], plain, leaf)
        coupled |= not same(run(edited(ORDINARY, other, uneven)), plain, leaf)
        for gradients, usual in ((ORDINARY, plain), (edited(ORDINARY, leaf, zero), still[leaf])):
            path = run(edited(gradients, other, poisoned, LATE[0])[: LATE[0] + 3])
            poison = any(np.isnan(params[leaf]).any() for params in path)
            spreads |= poison
            stops |= not poison and not same(path, usual[: len(path)], leaf)
    all_zero = run([jax.tree.map(np.zeros_like, gradient) for gradient in ORDINARY])
    return Facts(
        couples_leaves=coupled,
        moves_on_zero_gradient=moves,
        moves_when_warm=warm,
        waits=any(same(plain[:2], plain[:1] * 2, leaf) for leaf in PARAMS),
        spreads_nan=spreads,
        stops_on_nan=stops,
        nan_when_all_zero=any(np.isnan(leaf).any() for leaf in all_zero[-1].values()),
        stochastic=any(map(is_key, jax.tree.leaves(subject.transformation.init(PARAMS)))),
    )


def is_key(leaf: Any) -> bool:
    """Whether a leaf of the state is a random key, typed or raw."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) or leaf.dtype == jnp.uint32


@pytest.mark.parametrize("subject", to_measure(), ids=str)
def test_facts_are_what_optax_does(subject: Optimizer) -> None:
    """Each fact of a row, and of a wrapper around another row, is measured again."""
    assert measured(subject) == replace(subject.facts, nan_in_float16=False)


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if not entry.unfit])
def test_float16_leaves_are_safe_or_not_as_stated(name: str) -> None:
    """A float16 leaf of zero gradient becomes NaN, beside one of ordinary gradients."""
    subject = from_defaults(name)
    run = trainer(subject, jax.tree.map(np.float16, PARAMS))
    path = run(edited(jax.tree.map(np.float16, ORDINARY), "bias", zero))
    assert bool(np.isnan(path[-1]["bias"]).any()) == subject.facts.nan_in_float16
