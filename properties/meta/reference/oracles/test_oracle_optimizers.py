"""The oracle optimizers enclose Optax however it is compiled, closely, and exclude known faults."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.reference.numerics.intervals import Interval
from frostproof.reference.oracles import optimizer_oracles as oracle_optimizers

Numbers = dict[str, float]

#: Elements of the one leaf, so that each optimizer compiles once. Enough for whole vectors and a
#: remainder: XLA runs its vector code and its scalar code.
SIZE = 37

#: name: (factory, hyperparameters that are not numbers, numbers to compile in).
OPTIMIZERS: dict[str, tuple[str, dict[str, bool], Numbers]] = {
    "sgd": ("sgd", {}, {"learning_rate": 0.1}),
    "momentum": ("sgd", {}, {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("sgd", {"nesterov": True}, {"learning_rate": 0.1, "momentum": 0.9}),
    "adam": (
        "adam",
        {},
        {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "eps_root": 1e-12},
    ),
    "adamw": (
        "adamw",
        {},
        {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    ),
    "rmsprop": (
        "rmsprop",
        {},
        {"learning_rate": 1e-3, "decay": 0.9, "eps": 1e-8, "initial_scale": 1e-6},
    ),
    "lion": ("lion", {}, {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.99, "weight_decay": 0.01}),
}

decays = st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
DRAWN = {
    "learning_rate": st.floats(-6, 1).map(lambda exponent: 10.0**exponent),
    "momentum": decays,
    "b1": decays,
    "b2": decays,
    "decay": decays,
    "eps": st.sampled_from([1e-12, 1e-8, 1e-3]),
    "eps_root": st.sampled_from([0.0, 1e-8]),
    "initial_scale": st.sampled_from([0.0, 0.1, 1.0]),
    "weight_decay": st.sampled_from([0.0, 1e-4, 1e-3, 0.1]),
}

#: Decimal exponents of magnitudes. Tiny values, or their squares, are subnormal; the squares of
#: huge ones fit float32, those of overflowing ones do not.
REGIMES = {
    "ordinary": (-3, 1),
    "tiny": (-44, -25),
    "huge": (10, 18),
    "overflowing": (19.5, 38),
    "any": (-44, 38),
}


def filled(generator: np.random.Generator, exponents: tuple[float, float], *shape: int) -> Any:
    """Return float32 values of both signs, a tenth of them zero."""
    values = 10.0 ** generator.uniform(*exponents, shape) * generator.choice([-1.0, 1.0], shape)
    return np.where(generator.random(shape) < 0.1, 0.0, values).astype(np.float32)


@st.composite
def problems(draw: st.DrawFn, steps: st.SearchStrategy[int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw a leaf (SIZE,) and its gradients (steps, SIZE), float32."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # A tiny parameter shows the rounding of its steps, a huge one hides it.
    param = filled(generator, REGIMES[draw(st.sampled_from(["tiny", "ordinary", "huge"]))], SIZE)
    regime = REGIMES[draw(st.sampled_from(list(REGIMES)))]
    gradients = filled(generator, regime, draw(steps), SIZE)
    # Moments cancel where a gradient answers the one before: by -1 and, with Lion's default decays,
    # (1 - b1) g = -b1 (1 - b2) g_before, at -0.09.
    ratio = draw(st.sampled_from([None, -1.0, -0.9, -0.09]))
    if ratio is not None:
        for before, after in pairwise(gradients):
            after[:] = np.float32(ratio) * before
    return param, gradients


def optax_of(name: str, numbers: Numbers) -> optax.GradientTransformation:
    """Return Optax's optimizer of this structure."""
    factory, static, _ = OPTIMIZERS[name]
    return getattr(optax, factory)(**numbers, **static)


def injected(name: str, numbers: Numbers) -> optax.GradientTransformation:
    """Return the optimizer that keeps its numbers, as float32, in its state."""
    factory, static, _ = OPTIMIZERS[name]
    build = optax.inject_hyperparams(getattr(optax, factory), static_args=tuple(static))
    return build(**numbers, **static)


def one_step(optimizer: optax.GradientTransformation, gradient: Any, param: Any, state: Any) -> Any:
    """Return the new parameter and the next state."""
    updates, state = optimizer.update(gradient, state, param)
    return optax.apply_updates(param, updates), state


def train(
    optimizer: optax.GradientTransformation,
    param: Any,
    gradients: Any,
    step: Callable[..., Any] | None = None,
) -> list[Any]:
    """Return the parameter after each step, taken eagerly unless `step` is given."""
    state, params = optimizer.init(param), []
    for gradient in gradients:
        param, state = (step or partial(one_step, optimizer))(gradient, param, state)
        params.append(param)
    return params


@cache
def compiled_step(name: str, build: Callable[..., optax.GradientTransformation]) -> Any:
    """Return one jitted step."""
    return jax.jit(partial(one_step, build(name, OPTIMIZERS[name][2])))


@cache
def compiled_run(name: str) -> Any:
    """Return all steps in one program."""
    return jax.jit(partial(train, optax_of(name, OPTIMIZERS[name][2])))


#: How the program is made. "unrolled": the step count is a constant, and XLA multiplies by
#: reciprocals. "injected": `1 - b1` is a float32 subtraction inside the program.
WAYS: dict[str, Callable[..., list[Any]]] = {
    "eager": lambda name, numbers, *run: train(optax_of(name, numbers), *run),
    "jitted": lambda name, numbers, *run: train(
        optax_of(name, numbers), *run, compiled_step(name, optax_of)
    ),
    "unrolled": lambda name, numbers, *run: compiled_run(name)(*run),
    "injected": lambda name, numbers, *run: train(
        injected(name, numbers), *run, compiled_step(name, injected)
    ),
}


def oracle_of(name: str, numbers: Numbers) -> oracle_optimizers.Oracle:
    """Return our optimizer of this structure."""
    factory, static, _ = OPTIMIZERS[name]
    return getattr(oracle_optimizers, factory)(**numbers, **static)


def enclosures(
    oracle: oracle_optimizers.Oracle, param: np.ndarray, gradients: Iterable[np.ndarray]
) -> Iterator[tuple[Interval, Interval]]:
    """Yield what each step adds, and the parameter after it."""
    bound = Interval.of(param)
    state = oracle.init(bound)
    for gradient in gradients:
        update, _ = oracle.update(Interval.of(gradient), bound, state)
        bound, state = oracle.step(Interval.of(gradient), bound, state)
        yield update, bound


def escaped(name: str, numbers: Numbers, param: Any, gradients: Any, got: list[Any]) -> list[str]:
    """Name every value outside the oracle's interval."""
    bounds = enclosures(oracle_of(name, numbers), param, gradients)
    return [
        f"step {step}, element {at}: {values[at]!r} not in [{bound.low[at]}, {bound.high[at]}]"
        for step, ((_, bound), values) in enumerate(zip(bounds, got, strict=True), 1)
        for at in np.flatnonzero(~bound.contains(values))
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPTIMIZERS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_optax_stays_inside(name: str, way: str, data: st.DataObject) -> None:
    """Whatever the regime, hyperparameters and compilation, each new parameter is enclosed."""
    numbers = OPTIMIZERS[name][2]
    if way in ("eager", "injected"):  # elsewhere they are compiled in
        numbers = data.draw(st.fixed_dictionaries({key: DRAWN[key] for key in numbers}))
    steps = st.just(3) if way == "unrolled" else st.integers(3, 10)  # compiled once
    param, gradients = data.draw(problems(steps))

    got = WAYS[way](name, numbers, jnp.asarray(param), jnp.asarray(gradients))

    assert not escaped(name, numbers, param, gradients, got)


@pytest.mark.parametrize("way", ["eager", "injected"])
def test_decay_is_rounded_before_or_after_its_subtraction(way: str) -> None:
    """1 - 0.999 differs by a hundred ulps between Python and float32, and both are correct."""
    numbers = {**OPTIMIZERS["rmsprop"][2], "decay": 0.999}
    run = np.zeros(SIZE, np.float32), filled(np.random.default_rng(0), (-3, 1), 3, SIZE)

    assert not escaped("rmsprop", numbers, *run, WAYS[way]("rmsprop", numbers, *run))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ordinary_intervals_are_sharp(name: str) -> None:
    """The bound on a step is a few ulps of it; for Adam 320, most of them the rounding of b2."""
    generator = np.random.default_rng(0)
    param, *gradients = filled(generator, REGIMES["ordinary"], 11, 1000)
    relative = []
    for update, bound in enclosures(oracle_of(name, OPTIMIZERS[name][2]), param, gradients):
        assert bound.known.all()
        moved = update.centre != 0
        relative.append(update.radius[moved] / abs(update.centre[moved]))
    ulps = np.concatenate(relative) / np.finfo(np.float32).eps

    assert np.median(ulps) < (400 if "adam" in name else 8)
    # Beyond it are moments that cancel: the step is small, and its rounding is not.
    assert np.quantile(ulps, 0.999) < 0.01 / np.finfo(np.float32).eps


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("regime", ["tiny", "huge"])
def test_intervals_are_known_where_nothing_overflows(name: str, regime: str) -> None:
    """Flushed subnormals and large squares widen the bound and do not void it."""
    generator = np.random.default_rng(0)
    param, *gradients = filled(generator, REGIMES[regime], 11, SIZE)

    for _, bound in enclosures(oracle_of(name, OPTIMIZERS[name][2]), param, gradients):
        assert bound.known.all()


def test_informative_elements_have_a_step_above_their_rounding() -> None:
    """A step of zero and one below the parameter's own ulp prove nothing."""
    before = Interval.of(np.array([1.0, 1.0, 1.0], np.float32))
    gradient = Interval.of(np.array([1.0, 1e-9, 0.0], np.float32))
    oracle = oracle_optimizers.sgd(0.1)
    after, _ = oracle.step(gradient, before, oracle.init(before))

    assert oracle_optimizers.informative(before, after).tolist() == [True, False, False]


def without_bias_correction(optimizer: optax.GradientTransformation) -> Any:
    """Return Adam that believes to be at step a million, where the correction is 1."""

    def init(params: Any) -> Any:
        adam, *rest = optimizer.init(params)
        return adam._replace(count=jnp.asarray(10**6, jnp.int32)), *rest

    return optax.GradientTransformation(init, optimizer.update)


#: Mistakes of structure, as (the optimizer it claims to be, what it is).
FAULTS: dict[str, tuple[str, optax.GradientTransformation]] = {
    "momentum forgotten": ("momentum", optax.sgd(0.1)),
    "momentum dampened": (
        "momentum",
        optax.chain(optax.ema(0.9, debias=False), optax.scale(-0.1)),
    ),
    "nesterov forgotten": ("nesterov", optax.sgd(0.1, 0.9)),
    "b2 of 0.99": ("adam", optax.adam(1e-3, b2=0.99, eps_root=1e-12)),
    "no bias correction": ("adam", without_bias_correction(optax.adam(1e-3, eps_root=1e-12))),
    "adam's eps inside the root": ("adam", optax.adam(1e-3, eps=0.0, eps_root=1e-8)),
    "L2 for decoupled decay": (
        "adamw",
        optax.chain(optax.add_decayed_weights(0.01), optax.adam(1e-3)),
    ),
    "decay not scaled by the rate": (
        "adamw",
        optax.chain(optax.adam(1e-3), optax.add_decayed_weights(-0.01)),
    ),
    "rmsprop's eps outside the root": (
        "rmsprop",
        optax.rmsprop(1e-3, initial_scale=1e-6, eps_in_sqrt=False),
    ),
    "rmsprop centred": ("rmsprop", optax.rmsprop(1e-3, initial_scale=1e-6, centered=True)),
    "lion's sign by b2": ("lion", optax.lion(1e-3, b1=0.99, b2=0.99, weight_decay=0.01)),
} | {
    f"{name} with half its {key}": (name, optax_of(name, {**numbers, key: numbers[key] / 2}))
    for name, (_, _, numbers) in OPTIMIZERS.items()
    for key in numbers
}


@pytest.mark.parametrize("fault", FAULTS)
def test_known_faults_fall_outside(fault: str) -> None:
    """On gradients small enough for eps to matter, a faulty optimizer leaves the intervals."""
    name, faulty = FAULTS[fault]
    numbers = OPTIMIZERS[name][2]
    generator = np.random.default_rng(0)
    param, gradients = filled(generator, (-3, 1), SIZE), filled(generator, (-6, 1), 10, SIZE)

    assert not escaped(
        name, numbers, param, gradients, train(optax_of(name, numbers), param, gradients)
    )
    assert escaped(name, numbers, param, gradients, train(faulty, param, gradients))
