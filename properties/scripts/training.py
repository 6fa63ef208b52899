"""Writes the stand-alone script of a trainer or an Optax wrapper: the runs, step by step."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ...reference.observation import gradient_hooks
from ...reference.observation.trajectory import Trajectory
from ...reference.optimizers.disturbances import DISTURBANCES
from ...reference.problems.actions import ACTIONS, CHANGE, FREEZES
from ...reference.problems.training_problem import TrainingProblem
from ...reference.problems.wrapper_problem import TreeProblem
from ...reference.pytrees.dtypes import is_inexact
from ...reference.pytrees.paths import path_text
from ...reference.subjects.moment import Moment
from ...reference.subjects.naming import target_of
from ..laws.law import Law, Refutation
from . import training_prelude
from .literals import import_subject, is_named_tuple, literal, nested
from .prelude import assertion_lines, complete, paste


def training_script(
    law: Law, target: str, runs: Sequence[Trajectory], refutation: Refutation
) -> str:
    """Return Python source that fails without frostproof; `target` names the subject to import."""
    lines = ["jax.monitoring.register_event_duration_secs_listener(on_event)"]
    if any(map(_disturbed_at_its_source, runs)):  # before anybody says `from jax import grad`
        lines += [f"from {gradient_hooks.__name__} import install", "", "install()"]
    lines += import_subject(target)
    for number, run in enumerate((*runs, *refutation.beside)):
        if number >= len(runs):
            lines += ["", *import_subject(target_of(run.origin))]
        lines += ["", "begin_run()"]
        tree = isinstance(run.problem, TreeProblem)
        lines += _tree_run(run.problem) if tree else _trainer_run(run, refutation.assertion)
    lines += assertion_lines(refutation)
    return complete(law, f"{paste(training_prelude, lines)}\n\n", lines)


def _tree_run(problem: TreeProblem) -> Iterator[str]:
    yield f"params = jax.tree.map(jnp.asarray, {nested(problem.params())})"
    yield f"optimizer = {problem.optimizer.source}"
    yield 'freeze = getattr(subject, "fn", subject)'
    for mask in problem.masks():
        yield f"optimizer = freeze(optimizer, {nested(mask)})  # True = frozen"
    yield "state = optimizer.init(params)"
    yield f"update = {'jax.jit(optimizer.update)' if problem.jitted else 'optimizer.update'}"
    for step in range(1, problem.steps + 1):
        yield f"gradients = {nested(problem.gradient(step))}"
        yield "state, params = apply_gradients(update, gradients, state, params)"


def _trainer_run(run: Trajectory, assertion: str) -> Iterator[str]:
    """Write a trainer's run, with what the assertion is about; the subject knows how its own
    functions are called.
    """
    problem = run.problem
    yield f"optimizer = {problem.optimizer.source}"
    for number in range(1, max(problem.steps, 1) + 1):
        batch = jax.tree.map(np.asarray, problem.batch(number))
        if number == 1:
            yield from _named_tuples(batch)
        yield f"batch_{number} = {nested(batch)}"
    if problem.disturbed and run.unseen and run.steps:
        yield from _disturbing(problem.disturbed, run)
    if "given[" in assertion:  # as numbers: a compiled step would show tracers
        yield 'jax.config.update("jax_disable_jit", True)'
        yield "optimizer = recording(optimizer)"
    if problem.architecture is not None:
        yield "from frostproof.reference.problems.architecture import Architecture"
        yield f"architecture = Architecture.read({problem.architecture.record()!r})"
        asked = f"subject.trainer(architecture, {problem.frozen!r}, {problem.eager!r})"
        if "raised" in assertion:
            yield _RAISED.format(asked)
            return
        yield f"subject = {asked}"
    yield f"training = subject.begin({problem.seed}, batch_1, optimizer)"
    if _disturbed_at_its_source(run):
        names = tuple(sorted(map(path_text, run.steps[0].frozen)))
        yield f"training.step = disturbed(training, {problem.disturbed!r}, {names!r})"
    if problem.weights != "initialised" and run.steps:
        yield from _weights(run.first)
    yield "statistics[-1].append(leaves(training.model_state()))"
    if set(problem.actions) - {"step"} and run.steps:
        yield from _names(run)
    yield from _actions(problem)


def _disturbed_at_its_source(run: Trajectory) -> bool:
    """Tell whether gradients of frozen leaves were disturbed where a trainer takes them."""
    is_trainer = isinstance(run.problem, TrainingProblem)
    return is_trainer and bool(run.problem.disturbed and run.steps and not run.unseen)


def _actions(problem: TrainingProblem) -> Iterator[str]:
    step, freeze, saved = 0, "", ""
    following = problem.next_optimizer and problem.next_optimizer.source
    for action in problem.actions:
        step += action == "step"
        # What was frozen last, or before the state was saved: a training begun anew has to be told.
        freeze = action if action in FREEZES else saved if action == "restore" else freeze
        saved = freeze if action == "save" else saved
        yield ACTIONS[action].source.format(step=step, seed=problem.seed, following=following)
        if action == CHANGE and freeze:
            yield ACTIONS[freeze].source


_RAISED = """\
try:
    {}
    raised = None
except Exception as error:
    raised = error"""


def _names(run: Trajectory) -> Iterator[str]:
    """Write which leaves the actions freeze."""
    others = {p for p, leaf in run.first.params.items() if is_inexact(leaf.array.dtype)}
    others -= run.steps[0].copies
    for name, paths in (("frozen", run.chosen), ("others", others - run.chosen)):
        yield f"{name} = {tuple(sorted(map(path_text, paths)))!r}"
    yield "saved = None"


def _weights(first: Moment) -> Iterator[str]:
    yield "weights = {"
    for path, leaf in first.params.items():
        yield f"    {path_text(path)!r}: {literal(leaf.array)},"
    yield "}"
    yield "training.set_params(replaced(training.params(), weights))"


def _named_tuples(batch: Any) -> Iterator[str]:
    """Write the named tuples of a user's own batches; `Batch` is there already."""
    kinds: dict[str, tuple[str, ...]] = {}

    def look(tree: Any) -> bool:
        if is_named_tuple(tree):
            kinds.setdefault(type(tree).__name__, tree._fields)
        return False

    jax.tree.map(lambda leaf: leaf, batch, is_leaf=look)
    for name, fields in kinds.items():
        if (name, *fields) != ("Batch", "x", "y"):
            yield f"{name} = collections.namedtuple({name!r}, {' '.join(fields)!r})"


def _disturbing(disturbance: str, run: Trajectory) -> Iterator[str]:
    """Write an optimizer that is given changed gradients of frozen leaves."""
    names = tuple(sorted(map(path_text, run.steps[0].frozen)))
    yield f"\n\n{inspect.getsource(DISTURBANCES[disturbance])}\n"
    yield f"optimizer = disturbing(optimizer, {disturbance}, {names!r})"
