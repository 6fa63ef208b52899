"""Optimizers as values: built as their source says, shared when equal, and all of them drawn."""

import pickle
import re
import warnings
from typing import Any

import hypothesis
import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.reference.optimizers.catalogue import CATALOGUE, COMMON, WRAPPERS
from frostproof.reference.optimizers.optimizer import Optimizer, optimizer
from frostproof.strategies.optimizers import catalogue, common, named, wrapped

PARAMS = {"kernel": np.full((3, 2), 0.5, np.float32), "bias": np.full(4, 0.5, np.float32)}


def program(tx: optax.GradientTransformation) -> Any:
    """Trace the first step: from parameters and gradients to updates, and then the state."""

    def step(params: Any, gradients: Any) -> Any:
        return tx.update(gradients, tx.init(params), params)

    return jax.make_jaxpr(step)(PARAMS, PARAMS)


def text(tx: optax.GradientTransformation) -> str:
    """What the first step computes, without memory addresses."""
    return re.sub(r"0x[0-9a-f]+", "", str(program(tx)))


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.excluded])
def test_excluded_rows_cannot_stand_in_for_others(name: str) -> None:
    """Used as any optimizer is, each fails or warns: no reason has gone stale."""
    inner = optimizer("sgd") if CATALOGUE[name].wraps else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError, AttributeError, Warning)):
            program(optimizer(name, inner).transformation)


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if not entry.excluded])
def test_every_setting_updates_every_leaf(name: str) -> None:
    """With an update of the leaf's own shape and dtype."""
    inner = optimizer("adamw") if CATALOGUE[name].wraps else None
    for setting in CATALOGUE[name].settings():
        updates = program(Optimizer(name, setting, inner).transformation).out_avals[:2]
        assert [(u.shape, u.dtype) for u in updates] == [((4,), "float32"), ((3, 2), "float32")]


@settings(max_examples=40, deadline=None)
@given(catalogue())
def test_source_builds_an_equivalent_optimizer(drawn: Optimizer) -> None:
    """In a script that imports jax and optax, and nothing else."""
    script = f"import jax\nimport optax\n\noptimizer = {drawn.source}\n"
    names: dict[str, Any] = {}
    exec(script, names)

    assert text(names["optimizer"]) == text(drawn.transformation)


def test_hyperparameters_arrive_in_optax() -> None:
    """Each, and under its own name."""
    drawn = optimizer("adamw", weight_decay=0.2, learning_rate=0.01)
    behind = optimizer("clip_by_global_norm", drawn, max_norm=3.0)
    by_hand = optax.chain(optax.clip_by_global_norm(3.0), optax.adamw(0.01, weight_decay=0.2))

    assert text(behind.transformation) == text(by_hand)
    assert text(behind.transformation) != text(drawn.transformation)
    assert str(drawn) == "adamw(learning_rate=0.01, weight_decay=0.2)"
    assert behind.source == (
        "optax.chain(optax.clip_by_global_norm(max_norm=3.0), "
        "optax.adamw(learning_rate=0.01, weight_decay=0.2))"
    )


def test_noise_depends_on_the_place_in_the_tree() -> None:
    """So a stochastic optimizer does not train a leaf as it would alone."""
    tx = optimizer("noisy_sgd").transformation
    alone = {"kernel": PARAMS["kernel"]}

    updates, _ = tx.update(alone, tx.init(alone), alone)
    beside, _ = tx.update(PARAMS, tx.init(PARAMS), PARAMS)

    assert not np.array_equal(updates["kernel"], beside["kernel"])


@settings(deadline=None)
@given(catalogue(), catalogue())
def test_equal_optimizers_share_one_object(one: Optimizer, two: Optimizer) -> None:
    """Also after a journey to another process; different ones share nothing."""
    again = pickle.loads(pickle.dumps(one))

    assert (again, hash(again)) == (one, hash(one))
    assert again.transformation is one.transformation
    assert (one.transformation is two.transformation) == (one == two) == (str(one) == str(two))


def drawn_by(strategy: st.SearchStrategy[Optimizer], examples: int) -> set[Optimizer]:
    """Everything that a strategy draws, from a fixed seed."""
    seen = set()

    @settings(max_examples=examples, derandomize=True, database=None, deadline=None)
    @given(strategy)
    def collect(drawn: Optimizer) -> None:
        seen.add(drawn)

    collect()
    return seen


def test_common_set_is_nine_plain_and_nine_clipped() -> None:
    """All of its hyperparameters are drawn too."""
    plain = {Optimizer(name, setting) for name in COMMON for setting in CATALOGUE[name].settings()}
    clipped = {optimizer("clip_by_global_norm", inner, max_norm=1.0) for inner in plain}

    assert drawn_by(common(), 1500) == plain | clipped
    assert all("learning_rate=-0.5" in str(drawn) for drawn in drawn_by(common((-0.5,)), 20))


def test_catalogue_strategy_reaches_every_row_that_is_not_excluded() -> None:
    """And no other, be it inside a wrapper."""
    drawn = drawn_by(catalogue(), 3000)

    assert {one.name for one in drawn} == {
        n for n, entry in CATALOGUE.items() if not entry.excluded
    }
    assert {one.inner.name for one in drawn if one.inner} == set(COMMON)


@pytest.mark.parametrize(
    "strategy", [common(), catalogue(), named("sgd", "adam")], ids=["common", "catalogue", "named"]
)
def test_shrinks_to_plain_sgd(strategy: st.SearchStrategy[Optimizer]) -> None:
    """At rate 1; and where it has to be wrapped, to the first wrapper around that."""
    simplest = optimizer("sgd", learning_rate=1.0)
    behind = optimizer("clip_by_global_norm", simplest, max_norm=1.0)

    assert hypothesis.find(strategy, lambda _: True) == simplest
    assert hypothesis.find(wrapped(strategy, *WRAPPERS), lambda _: True) == behind


@pytest.mark.parametrize(
    ("arguments", "hyperparameters", "message"),
    [
        (("sdg",), {}, "`sdg` is not in the optimizer catalogue"),
        (("clip",), {}, "`clip` needs an inner optimizer"),
        (("sgd", optimizer("adam")), {}, "`sgd` takes no inner optimizer"),
        (("adam",), {"momentum": 0.9}, "`adam` has .*learning_rate.*, not .*momentum"),
    ],
)
def test_mistakes_are_named(arguments: Any, hyperparameters: Any, message: str) -> None:
    """With what the catalogue knows instead."""
    with pytest.raises(ValueError, match=message):
        optimizer(*arguments, **hyperparameters)
