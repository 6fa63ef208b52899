"""Writes the stand-alone script of a trainer or an Optax wrapper: the runs, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ...reference.observation.trajectory import Trajectory
from ...reference.problems.training_problem import CHANGE, FREEZES
from ...reference.problems.wrapper_problem import TreeProblem
from ...reference.pytrees.paths import path_text
from ...reference.subjects.moment import Moment
from ...reference.subjects.naming import target_of
from ..laws.law import Law, Refutation, SubjectRaised
from .literals import import_subject, is_named_tuple, literal, nested

_PRELUDE = """\
import base64
import collections
import sys
import zlib

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

# By run, step and path: parameters and optimizer state around each step, the losses.
before, after, states, losses = [], [], [], []
carried, statistics = [], []
# Whether each step left its batch as it was, and how many programs XLA compiled for it.
kept, compilations = [], []
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: compiled.append(1) if event.endswith("backend_compile_duration") else 0
)
Batch = collections.namedtuple("Batch", "x y")


def name(path):
    path = [str(getattr(p, "key", getattr(p, "name", getattr(p, "idx", p)))) for p in path]
    return "/".join(path[:-1] if path[-1:] == ["value"] else path)


def leaves(tree):
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {name(path): np.array(leaf) for path, leaf in flat if hasattr(leaf, "dtype")}


def replaced(tree, weights):
    flat, form = jax.tree_util.tree_flatten_with_path(tree)
    return form.unflatten([jnp.asarray(weights[name(path)]) for path, _ in flat])


def flushed(leaf):
    wide = np.asarray(leaf).astype(np.float64)
    least = float(ml_dtypes.finfo(leaf.dtype).smallest_normal) if leaf.dtype.kind in "fV" else 0
    return np.where(abs(wide) < least, 0, wide)


def same_form(a, b):
    return a is not None and b is not None and a.shape == b.shape and a.dtype == b.dtype


def same_bits(a, b):
    return same_form(a, b) and a.tobytes() == b.tobytes()


def same_value(a, b):
    return same_form(a, b) and np.array_equal(flushed(a), flushed(b), equal_nan=True)


def same_copy(copy, leaf):
    return same_value(copy, leaf.astype(copy.dtype))


def same_norm(a, b):
    norms = [np.linalg.norm(flushed(leaf)) for leaf in (a, b)]
    return same_form(a, b) and np.array_equal(*norms, equal_nan=True)
"""


def training_script(
    law: Law, target: str, runs: Sequence[Trajectory], refutation: Refutation
) -> str:
    """Return Python source that fails without frostproof; `target` names the subject to import."""
    lines = [f'"""{law.id}: {law.statement}"""', "", _PRELUDE, *import_subject(target)]
    for number, run in enumerate((*runs, *refutation.beside)):
        if number >= len(runs):
            lines += ["", *import_subject(target_of(run.origin))]
        lines += ["", "before.append([]), after.append([]), states.append([]), losses.append([])"]
        lines += ["carried.append([]), statistics.append([])"]
        lines += ["kept.append([]), compilations.append([])"]
        tree = isinstance(run.problem, TreeProblem)
        lines += _tree_run(run.problem) if tree else _trainer_run(run, refutation.assertion)
    if isinstance(refutation, SubjectRaised) and refutation.assertion == "True":
        return "\n".join([*lines, f"# {refutation}", ""])
    message = str(refutation)
    return "\n".join([*lines, "", f"assert {refutation.assertion}, (", f"    {message!r}", ")", ""])


_APPLIED = {
    "no freeze": "",
    "nothing": "optimizer = freeze(optimizer, jax.tree.map(lambda frozen: False, mask))",
    "everything": "optimizer = freeze(optimizer, jax.tree.map(lambda frozen: True, mask))",
    "once": "optimizer = freeze(optimizer, mask)",
    "twice": "optimizer = freeze(freeze(optimizer, mask), mask)",
    "in two parts": "optimizer = freeze(freeze(optimizer, halves[0]), halves[1])",
    "in two parts, the other way round": (
        "optimizer = freeze(freeze(optimizer, halves[1]), halves[0])"
    ),
}


def _tree_run(problem: TreeProblem) -> Iterator[str]:
    yield f"params = jax.tree.map(jnp.asarray, {nested(problem.params())})"
    yield f"mask = {nested(problem.mask())}  # True = frozen"
    if "halves" in _APPLIED[problem.applied]:
        yield f"halves = {nested(problem.halves())}"
    yield f"optimizer = {problem.optimizer.source}"
    yield 'freeze = getattr(subject, "fn", subject)'
    yield _APPLIED[problem.applied]
    yield "state = optimizer.init(params)"
    yield f"update = {'jax.jit(optimizer.update)' if problem.jitted else 'optimizer.update'}"
    for step in range(1, problem.steps + 1):
        yield f"gradients = jax.tree.map(jnp.asarray, {nested(problem.gradient(step))})"
        yield "before[-1].append(leaves(params))"
        yield "updates, state = update(gradients, state, params)"
        yield "params = optax.apply_updates(params, updates)"
        yield "after[-1].append(leaves(params))"
        yield "states[-1].append(leaves(state)), carried[-1].append(leaves(state))"


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
    if problem.disturbed and run.steps:
        yield from _disturbing(problem.disturbed, run)
    if "given[" in assertion:
        yield _GIVEN
    if problem.architecture is not None:
        yield "from frostproof.reference.problems.architecture import Architecture"
        yield f"architecture = Architecture.read({problem.architecture.record()!r})"
        asked = f"subject.trainer(architecture, {problem.frozen!r}, {problem.eager!r})"
        if "raised" in assertion:
            yield _RAISED.format(asked)
            return
        yield f"subject = {asked}"
    yield f"training = subject.begin({problem.seed}, batch_1, optimizer)"
    if problem.weights != "initialised" and run.steps:
        yield from _weights(run.first)
    yield "statistics[-1].append(leaves(training.model_state()))"
    if set(problem.actions) - {"step"} and run.steps:
        yield from _names(run)
    number, freeze, saved = 0, "", ""
    for action in problem.actions:
        number += action == "step"
        # What was frozen last, or before the state was saved: a training begun anew has to be told.
        freeze = action if action in FREEZES else saved if action == "restore" else freeze
        saved = freeze if action == "save" else saved
        if action == "checkpoint":
            yield from (_CHECKPOINT, f"fresh = subject.begin({problem.seed}, batch_1, optimizer)")
        if action == CHANGE:
            yield f"optimizer, params = {problem.next_optimizer.source}, training.params()"
            yield f"training = subject.begin({problem.seed}, batch_1, optimizer)"
        yield from _ACTIONS.get(action) or (
            "before[-1].append(leaves(training.params()))",
            f"contents = [leaf.tobytes() for leaf in jax.tree.leaves(batch_{number})]",
            "compiled.clear()",
            f"losses[-1].append(float(training.step(batch_{number})))",
            "compilations[-1].append(len(compiled))",
            f"now = [leaf.tobytes() for leaf in jax.tree.leaves(batch_{number})]",
            "kept[-1].append(contents == now)",
            "after[-1].append(leaves(training.params()))",
            "states[-1].append(leaves(training.opt_state()))",
            "carried[-1].append(leaves(training.everything()))",
            "statistics[-1].append(leaves(training.model_state()))",
        )
        if "selected(" in assertion:
            yield _SELECTED
        if action == CHANGE and freeze:
            yield from _ACTIONS[freeze]


#: What the optimizer is given, as numbers: a compiled step would show it tracers.
_GIVEN = """\
jax.config.update("jax_disable_jit", True)
given, plain = [], optimizer


def update(gradients, state, params=None, **extra):
    given.append(leaves(gradients))
    return plain.update(gradients, state, params, **extra)


optimizer = optax.GradientTransformationExtraArgs(plain.init, update)"""

_RAISED = """\
try:
    {}
    raised = None
except Exception as error:
    raised = error"""

_SELECTED = """\
from frostproof.reference.pytrees.paths import named_leaves, select
from frostproof.reference.pytrees.representations import representations
from frostproof.reference.pytrees.snapshot import snapshot


def selected(form, frozen):
    trees = dict(representations(snapshot(training.params()))) | {"run": training.params()}
    return select(named_leaves(trees[form]), frozen)

"""

_ACTIONS = {
    "freeze": ("training.refreeze(frozen)",),
    "unfreeze": ("training.refreeze(())",),
    "freeze the others": ("training.refreeze(others)",),
    "freeze everything": ("training.refreeze(tuple(sorted(frozen + others)))",),
    "save": ("saved = training.save()",),
    "restore": ("training.restore(saved) if saved is not None else None",),
    CHANGE: ("training.set_params(params)",),
    "checkpoint": (
        "training = through_orbax(training, fresh)",
        "restored = leaves(training.everything())",
    ),
}

_CHECKPOINT = """\

import tempfile

import orbax.checkpoint as ocp


def through_orbax(training, fresh):
    state, form = training.everything(), jax.tree.structure(fresh.everything())
    target = jax.tree.unflatten(form, jax.tree.leaves(state))
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(f"{folder}/state", state)
        checkpointer.wait_until_finished()
        fresh.set_everything(checkpointer.restore(f"{folder}/state", target))
    return fresh


"""


def _names(run: Trajectory) -> Iterator[str]:
    """Write which leaves the actions freeze."""
    others = {p for p, leaf in run.first.params.items() if leaf.array.dtype.kind in "fcV"}
    for name, paths in (("frozen", run.chosen), ("others", others - run.chosen)):
        yield f"{name} = {tuple(sorted(map(path_text, paths)))!r}"
    yield "saved = None"


def _weights(first: Moment) -> Iterator[str]:
    yield "weights = {"
    for path, leaf in first.params.items():
        yield f"    {path_text(path)!r}: {literal(leaf.array)},"
    yield "}"
    yield "training.set_params(replaced(training.params(), weights))"


_CHANGES = {
    "scaled": "leaf * 1000",
    "flipped": "-leaf",
    "huge": "leaf * (jnp.finfo(leaf.dtype).max / 16)",
    "nan": "jnp.where(leaf == 0, leaf, jnp.nan)",
}


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
    """Write an optimizer in front of which the gradients of frozen leaves are changed."""
    names = sorted(map(path_text, run.steps[0].frozen))
    yield f"frozen, plain = {names!r}, optimizer"
    yield ""
    yield ""
    yield "def update(gradients, state, params=None, **extra):"
    yield "    flat, form = jax.tree_util.tree_flatten_with_path(gradients)"
    yield "    changed = ["
    yield f"        {_CHANGES[disturbance]} if name(path) in frozen else leaf"
    yield "        for path, leaf in flat"
    yield "    ]"
    yield "    return plain.update(form.unflatten(changed), state, params, **extra)"
    yield ""
    yield ""
    yield "optimizer = optax.GradientTransformationExtraArgs(plain.init, update)"
