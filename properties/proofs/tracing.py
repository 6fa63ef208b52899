"""Tracing: a step of a wrapper, a Linen or an NNX trainer as a jaxpr, with its leaves found.

A program is run once or twice to create what it trains, and its step is traced once: what it does
besides computing (printing, counting in its own object) is seen at that time only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import optax

from ...reference.observation.gradient_hooks import (
    Disturbance,
    Sighting,
    disturbing_gradients,
)
from ...reference.problems.batches import Batch
from ...reference.problems.wrapper_problem import TreeProblem
from ...reference.pytrees.articles import a_type_of
from ...reference.pytrees.paths import Path, named_leaves, normalise, path_text
from ...reference.pytrees.phases import has_phases
from ...reference.pytrees.static_parts import fingerprint
from ...reference.subjects.linen_trainer import LinenTrainer
from ...reference.subjects.nnx_trainer import NnxTrainer
from ...reference.subjects.optax_wrapper import OptaxFreeze
from ...reference.subjects.training import select_frozen
from ...reference.subjects.user_errors import error_text, let_through
from .equations import equations
from .induction import named
from .interpretation.domain import Same, Source, Value, anything, constant
from .interpretation.interpreter import Interpreter, NotInterpreted
from .marks import Rate, mark, mark_taken, mark_unknown, watched
from .program import NotTraced, Program, shape_text

#: The rates and seeds with which a training is created: what differs depends on them.
_RATES = (0.125, 0.25)
_SEEDS = (0, 1)


@dataclass(frozen=True)
class _Carried:
    """How a program hands on what it carries: a pytree, and what can be seen in it."""

    #: An example, of arrays or of their shapes.
    example: Any
    step: Callable[[Any, Any], Any]
    params: Callable[[Any], dict[Path, Any]]
    opt_state: Callable[[Any], Any]
    #: The learning rate that its optimizer keeps open, if it does.
    rate: Rate | None


def trace_wrapper(subject: OptaxFreeze, problem: TreeProblem, *, open_rate: bool) -> Program:
    """Trace a wrapper on the tree, mask and optimizer of a problem, for all params and gradients.

    Raises `NotTraced` with the reason where that cannot be done.
    """
    params, (mask,) = jax.tree.map(jax.numpy.asarray, problem.params()), problem.masks()

    def frozen(rate: Rate | None) -> Any:
        return subject.fn(watched(problem.optimizer, rate, marked=False), mask)

    def create(rate: Any, params: Any) -> Any:
        return params, frozen(Rate(rate) if open_rate else None).init(params)

    rate = Rate(_RATES[0]) if open_rate else None

    def step(state: Any, gradients: Any) -> Any:
        params, opt_state = state
        updates, opt_state = frozen(rate).update(mark(gradients), opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    init, made = _traced(create, _RATES[0], params)
    leaves = [_RATES[0], *jax.tree.leaves(params)]
    arguments = [named(place, anything(*_form(leaf))) for place, leaf in enumerate(leaves)]
    initial = [_since_init(value) for value in _interpreted(init, arguments)]
    chosen = frozenset(path for path, is_frozen in named_leaves(mask).items() if is_frozen)
    carried = _Carried(
        made, step, lambda state: named_leaves(state[0]), lambda state: state[1], rate
    )
    return _program(carried, params, initial, lambda params: chosen, f"tree {problem.tree!r}")


def _since_init(value: Value) -> Value:
    """Return a leaf of the first state: the parameters, input 1 and so on of `init`, are its first
    leaves.
    """
    same: Same = {
        Source(source.number - 1, source.dtype): level
        for source, level in value.same.items()
        if source.number > 0
    }
    return Value(value.shape, value.dtype, value.range, same)


def trace_trainer(
    trainer: LinenTrainer | NnxTrainer,
    optimizer: Any,
    batches: Sequence[Batch],
    *,
    open_rate: bool,
) -> Program:
    """Trace a trainer under an optimizer, for all weights and for all batches of the form of these.

    What two created states have in common is taken for what all have; parameters may be anything.
    Raises `NotTraced` with the reason where that cannot be done.
    """
    states = []
    for seed, number in zip(_SEEDS, _RATES, strict=True):
        batch = batches[seed % len(batches)]
        rate = Rate(number) if open_rate else None
        training: Any = _attempt(trainer.begin, seed, batch, watched(optimizer, rate))
        if not training.carries_all():
            raise NotTraced("it trains with an object that NNX cannot look into")
        states.append(training.split())
    (other, _), (state, graph) = states
    # By paths: functions and optimizers inside are other objects each time.
    first, second = (_attempt(jax.tree.leaves_with_path, each) for each in (state, other))
    if [path for path, _ in first] != [path for path, _ in second]:
        raise NotTraced("what `create` makes differs in structure from seed to seed")
    initial = [_common(a, b) for (_, a), (_, b) in zip(first, second, strict=True)]

    def put(state: Any) -> Any:
        training.merge(state, graph)
        return training

    if has_phases(trainer.frozen):
        raise NotTraced("what is frozen depends on the step")
    frozen, statistics = _attempt(select_frozen, training)
    sighting = Sighting()

    def step(state: Any, batch: Batch) -> Any:
        leaves = named_leaves(put(state).params())
        shapes = {path: np.shape(leaf) for path, leaf in leaves.items()}
        marks = Disturbance("marked", shapes, frozen, sighting, mark_taken, mark_unknown)
        with disturbing_gradients(marks):
            training.step(batch)
        after, grown = training.split()
        if grown != graph:
            raise NotTraced("a step changes the structure of the model or its optimizer")
        return after

    def judged(state: Any) -> dict[Path, Any]:
        params = named_leaves(put(state).params())
        beside = _numbers(training.model_state()) if statistics else {}
        return params | {path: leaf for path, leaf in beside.items() if path in statistics}

    carried = _Carried(state, step, judged, lambda state: put(state).opt_state(), rate)
    kept = _take_whole(training)
    try:
        program = _program(
            carried,
            batches[0],
            initial,
            lambda params: frozen | (statistics & params.keys()),
            "batch",
        )
        return replace(program, differentiated=frozenset(sighting.found))
    finally:
        _put_whole(training, kept)


def _take_whole(training: Any) -> Any:
    return dict(vars(training))


def _put_whole(training: Any, kept: Any) -> None:
    for name, value in kept.items():
        setattr(training, name, value)


def _common(first: Any, second: Any) -> Value:
    """Return what is known of a leaf that is made alike, or differently, from two seeds."""
    shape, dtype = _form(first)
    if not isinstance(dtype, np.dtype):
        return anything(shape, dtype)
    a, b = np.asarray(first), np.asarray(second)
    alike = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return replace(constant(np.asarray(a, dtype)), shape=shape) if alike else anything(shape, dtype)


# What all of them share


def _program(
    carried: _Carried,
    given: Any,
    initial: Sequence[Value],
    frozen: Callable[[Any], frozenset[Path]],
    shown: str,
) -> Program:
    paths: list[tuple[Path, ...]] = []

    later: list[Any] = []

    def seen(state: Any) -> tuple[list[Any], list[Any]]:
        params, opt_state = carried.params(state), carried.opt_state(state)
        states = {} if opt_state is None else _numbers(opt_state)
        paths.extend((tuple(params), tuple(states)))
        return list(params.values()), list(states.values())

    rates: list[Any] = [] if carried.rate is None else [carried.rate.number]

    def whole_step(state: Any, rates: Sequence[Any], given: Any) -> Any:
        params_before, opt_state_before = seen(state)
        with carried.rate.kept_open(*rates) if carried.rate else nullcontext():
            after = carried.step(state, given)
        later.append(jax.tree.structure(after))
        params, opt_state = seen(after)
        leaves = [*jax.tree.leaves(after), *rates]
        return leaves, params_before, params, opt_state_before, opt_state

    step, _ = _traced(whole_step, carried.example, rates, given)
    if later[0] != jax.tree.structure(carried.example) or _becomes_stronger(step):
        _require_same_step(step, whole_step, later[0], rates, given)
        # What counts, or remembers, without arrays: later steps may be other ones.
        if fingerprint(later[1]).parts != fingerprint(later[0]).parts:
            raise NotTraced("each step leaves another number, or name, beside the arrays")
    if paths[0] != paths[2] or paths[1] != paths[3]:
        raise NotTraced("the parameters have other paths after a step")
    entries = jax.tree_util.tree_flatten_with_path(carried.example)[0]
    names = [path_text(normalise(path)) for path, _ in entries]
    initial = [*initial, *(anything(*_form(rate)) for rate in rates)]
    names += ["the learning rate"] * len(rates)
    _require_same_forms(step, names)
    inputs = jax.tree_util.tree_flatten_with_path(given)[0]
    return Program(
        step,
        initial,
        names,
        [path_text(normalise(path)) for path, _ in inputs],
        paths[0],
        paths[1],
        frozen(dict.fromkeys(paths[0])),
        frozenset(paths[0]),
        len(names) - 1 if rates else None,
        ", ".join(
            [shown, *(shape_text(path_text(normalise(p)), np.asarray(leaf)) for p, leaf in inputs)]
        ),
    )


def _require_same_step(step: Any, whole_step: Any, form: Any, rates: Any, given: Any) -> None:
    """Raise `NotTraced` unless the step does the same with a state of the form that it made itself,
    such as a list where there was a tuple, or an array where there was a Python number.
    """
    leaves = [
        jax.ShapeDtypeStruct(each.shape, each.dtype, weak_type=each.weak_type)
        for each in step.out_avals
    ]
    if form.num_leaves != len(step.in_avals) - len(jax.tree.leaves((rates, given))):
        raise NotTraced("the state has another structure after a step")
    state = jax.tree.unflatten(form, leaves[: form.num_leaves])
    again, _ = _traced(whole_step, state, rates, given)
    if equations(again) != equations(step):
        raise NotTraced("the first step is another one than those after it")


def _becomes_stronger(step: Any) -> bool:
    """Tell whether a leaf of the state is weakly typed before the step, and not after it."""
    pairs = zip(step.in_avals, step.out_avals, strict=False)
    return any(before.weak_type and not after.weak_type for before, after in pairs)


def _require_same_forms(step: Any, names: Sequence[str]) -> None:
    """Raise `NotTraced` where a leaf of the state has another shape or dtype after the step."""
    for name, before, after in zip(names, step.in_avals, step.out_avals, strict=False):
        if (before.shape, before.dtype) != (after.shape, after.dtype):
            raise NotTraced(f"{name} changes its shape or dtype in a step")


def _numbers(tree: Any) -> dict[Path, Any]:
    return {path: leaf for path, leaf in named_leaves(tree).items() if _is_number(leaf)}


def _is_number(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float | complex)


def _form(leaf: Any) -> tuple[tuple[int, ...], Any]:
    try:
        return tuple(np.shape(leaf)), jax.numpy.result_type(leaf)
    except TypeError:
        raise NotTraced(f"its state is {a_type_of(leaf)}, which is not a pytree") from None


def _traced(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Any]:
    return _attempt(jax.make_jaxpr(function, return_shape=True), *arguments)


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except NotTraced:
        raise
    except BaseException as error:
        let_through(error)
        raise NotTraced(_reason(error)) from None


def _reason(error: BaseException) -> str:
    if isinstance(
        error, jax.errors.TracerArrayConversionError | jax.errors.ConcretizationTypeError
    ):
        return f"it looks at numbers that are not there while it is traced ({type(error).__name__})"
    return f"it raised while it was traced: {error_text(error).splitlines()[0]}"


def _interpreted(jaxpr: Any, arguments: Sequence[Value]) -> list[Value]:
    try:
        return Interpreter().run(jaxpr, arguments)
    except NotInterpreted as reason:
        raise NotTraced(str(reason)) from None
