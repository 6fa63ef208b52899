"""The optimizer catalogue is complete, and each of its facts is what the installed Optax does."""

import contextlib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof.reference.optimizers.catalogue import CATALOGUE, COMMON, Facts
from frostproof.reference.optimizers.optax_releases import too_new
from frostproof.reference.optimizers.optimizer import Optimizer, optimizer

#: What Optax exports that makes a transformation and is not an optimizer, by the reason.
NO_OPTIMIZERS = {
    "a step of an optimizer, put together by chain": """
        scale scale_by_acprop scale_by_adadelta scale_by_adam scale_by_adamax scale_by_adan
        scale_by_ademamix scale_by_adopt scale_by_amsgrad scale_by_belief scale_by_cocob
        scale_by_distance_over_gradients scale_by_factored_rms scale_by_galore scale_by_lbfgs
        scale_by_learning_rate scale_by_lion scale_by_madgrad scale_by_muon scale_by_novograd
        scale_by_optimistic_gradient scale_by_param_block_norm scale_by_param_block_rms
        scale_by_polyak scale_by_radam scale_by_rms scale_by_rprop scale_by_rss scale_by_sign
        scale_by_simplified_ademamix scale_by_sm3 scale_by_stddev scale_by_trust_ratio
        scale_by_yogi trace""",
    "a line search, the last step of lbfgs": """
        scale_by_backtracking_linesearch scale_by_zoom_linesearch""",
    "changes gradients and trains nothing by itself": """
        add_noise differentially_private_aggregate hutchinson_estimator_diag_hessian identity
        keep_params_nonnegative set_to_zero stateless stateless_with_tree_map""",
    "watches, and changes nothing": "measure_with_ema monitor snapshot",
    "applies an optimizer to some leaves or steps: a means of freezing, so under test itself": """
        conditionally_mask conditionally_transform freeze masked multi_transform partition
        selective_transform""",
    "composes transformations, or adapts their interface": """
        inject_stateful_hyperparams named_chain with_extra_args_support""",
    "joins all leaves into one, which makes the norms of single leaves global ones": "flatten",
    "a schedule that keeps a state": "WrappedSchedule",
    "the type itself": "GradientTransformation GradientTransformationExtraArgs",
}

#: For the arguments of functions without a return annotation, in turn.
PLAUSIBLE = (0.5, optax.sgd(0.1), {})
#: Of these, what Optax 0.2.7 brought, as it brought galore.
NEWER = {"measure_with_ema", "monitor", "scale_by_galore", "scale_by_madgrad"}
NEWER = NEWER if too_new("galore") else set()

USABLE = [name for name, entry in CATALOGUE.items() if not (entry.unfit or too_new(name))]


def makes_a_transformation(function: Any) -> bool:
    """Whether calling it leads to something with `init` and `update`: by annotation, or tried."""
    if inspect.isclass(function):
        return hasattr(function, "init") and hasattr(function, "update")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # such as the type alias `optax.Schedule`
        return False
    if signature.return_annotation is not signature.empty:
        return "GradientTransformation" in str(signature.return_annotation)
    required = [p.name for p in signature.parameters.values() if p.default is p.empty]
    for argument in PLAUSIBLE:
        wrong = (TypeError, ValueError, AttributeError, IndexError, AssertionError)
        with contextlib.suppress(*wrong):
            result = function(**dict.fromkeys(required, argument))
            if hasattr(result, "init") and hasattr(result, "update"):
                return True
    return False


def exported() -> set[str]:
    """Names in `optax` and `optax.contrib` of what makes a transformation."""
    return {
        name
        for module in (optax, optax.contrib)
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and makes_a_transformation(value)
    }


def in_catalogue() -> set[str]:
    """Names of Optax that occur in the catalogue."""
    templates = " ".join(entry.template for entry in CATALOGUE.values())
    return set(re.findall(r"optax\.(?:contrib\.)?(\w+)", templates))


def test_catalogue_has_every_optimizer_of_optax() -> None:
    """What Optax exports is in the catalogue or is known as something else, and not in both."""
    known = set(" ".join(NO_OPTIMIZERS.values()).split())

    assert exported() - in_catalogue() - known == set()
    assert known - exported() == NEWER
    assert known & in_catalogue() == set()


def test_new_optimizer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without an annotation, in either module."""

    def annotated(rate: float) -> optax.GradientTransformation:
        return optax.sgd(rate)

    def bare(learning_rate, decay=0.9):
        return optax.sgd(learning_rate, decay)

    def around(inner):
        return optax.GradientTransformation(inner.init, inner.update)

    before = exported()
    monkeypatch.setattr(optax, "newest", annotated, raising=False)
    monkeypatch.setattr(optax.contrib, "latest", bare, raising=False)
    monkeypatch.setattr(optax.contrib, "wrapper", around, raising=False)

    assert exported() - before == {"newest", "latest", "wrapper"}


Leaves = dict[str, np.ndarray[Any, Any]]

STEPS, LATE = 8, (3, 4, 5)
#: The numbers here are compared with each other, never with a constant: less optimization, which
#: saves a third of the compilation, changes no fact.
COMPILER = {"xla_backend_optimization_level": 0}

_generator = np.random.default_rng(1)
#: Large enough for an average that rounds to move some element (madgrad), and some so small that a
#: step goes past zero, where a difference to the next point rounds (cocob).
PARAMS = {
    "kernel": _generator.normal(size=(11, 7)).astype(np.float32),
    "bias": (_generator.normal(size=23) / 100).astype(np.float32),
}
OTHER = {"kernel": "bias", "bias": "kernel"}
#: A tree without a leaf, and one of a number: some optimizers take neither.
UNUSUAL = {"masked": optax.MaskedNode()}, {"scale": np.float32(0.5)}
#: A steady part, from which prodigy and D-adaptation learn a rate, and as much noise.
STEADY = {name: _generator.normal(size=leaf.shape) for name, leaf in PARAMS.items()}
ORDINARY = [
    {name: np.float32(part + _generator.normal(size=part.shape)) for name, part in STEADY.items()}
    for _ in range(STEPS)
]


def simplest(name: str) -> Optimizer:
    """The row with the first of each pool; a wrapper around sgd."""
    return optimizer(name, optimizer("sgd")) if CATALOGUE[name].wraps else optimizer(name)


def to_measure() -> list[Optimizer]:
    """Rows at the ends of their pools, wrappers around a row that is still and one that moves."""
    chosen = []
    for name in USABLE:
        entry = CATALOGUE[name]
        structural = [key for key, pool in entry.pools if key != "learning_rate" and len(pool) > 1]
        ends = entry.settings()[:1]
        if structural and not entry.wraps:
            ends += entry.settings()[-1:]
        inner = [None]
        if entry.wraps:
            # The scale that mechanize learns, from 1e-6 on, hides the decay of adamw for a while.
            inner = [simplest(i) for i in (("sgd",) if name == "mechanize" else ("sgd", "adamw"))]
        if name == "clip_by_global_norm":
            inner = [simplest(i) for i in COMMON]
        chosen += [Optimizer(name, setting, around) for setting in ends for around in inner]
    return chosen


def step_of(subject: Optimizer) -> Callable[..., Any]:
    """Return what makes one step of parameters and state by these gradients."""
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

    return step


def trainer(subject: Optimizer, params: Leaves) -> Callable[[list[Leaves]], list[Leaves]]:
    """Return what runs a sequence of gradients, and lists the parameters before and after each."""
    start = subject.transformation.init(params)
    step = jax.jit(step_of(subject), compiler_options=COMPILER)

    def run(gradients: list[Leaves]) -> list[Leaves]:
        path, state = [params], start
        for gradient in gradients:
            after, state = step(path[-1], state, gradient)
            path.append(jax.device_get(after))
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
    assert not any(same(plain[:1], plain[-1:], leaf) for leaf in PARAMS)
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
        stochastic=keeps_a_key(subject),
        # Of those that are never drawn nothing is known: they may fail without their extras.
        picky=not subject.needs and any(fails_on(subject, tree) for tree in UNUSUAL),
    )


def fails_on(subject: Optimizer, tree: Any) -> bool:
    """Whether it raises on a tree, of which the gradients are one too; tracing shows that."""
    try:
        state = jax.eval_shape(subject.transformation.init, tree)
        jax.eval_shape(step_of(subject), tree, state, tree)
    except (ValueError, IndexError):
        return True
    return False


def keeps_a_key(subject: Optimizer) -> bool:
    """Whether a leaf of the state is a random key, typed or raw."""
    leaves = jax.tree.leaves(jax.eval_shape(subject.transformation.init, PARAMS))
    kinds = jax.dtypes.prng_key, jnp.uint32
    return any(jnp.issubdtype(leaf.dtype, kind) for leaf in leaves for kind in kinds)


@pytest.mark.parametrize("subject", to_measure(), ids=str)
def test_facts_are_what_optax_does(subject: Optimizer) -> None:
    """Each fact of a row, and of a wrapper around another row, is measured again."""
    assert measured(subject) == replace(subject.facts, nan_in_float16=False)


@pytest.mark.parametrize("name", USABLE)
def test_float16_leaves_are_safe_or_not_as_stated(name: str) -> None:
    """A float16 leaf of zero gradient becomes NaN, beside one of ordinary gradients."""
    subject = simplest(name)
    run = trainer(subject, jax.tree.map(np.float16, PARAMS))
    path = run(edited(jax.tree.map(np.float16, ORDINARY), "kernel", zero))
    unsafe = subject.facts.nan_in_float16
    if name == "novograd" and too_new("galore"):  # Optax 0.2.6 kept it safe, and may as well
        unsafe = False
    assert bool(np.isnan(path[-1]["kernel"]).any()) == unsafe
