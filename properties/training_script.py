"""Writes the stand-alone script of a trainer or an Optax wrapper: the runs, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from ..reference.paths import path_text
from ..reference.trajectory import Moment, Trajectory
from ..reference.tree_problem import TreeProblem
from .law import Law, Refutation, SubjectRaised
from .literals import import_subject, literal, nested

_PRELUDE = """\
import base64
import sys
import types
import zlib

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

# By run, step and path: parameters and optimizer state around each step, the losses.
before, after, states, losses = [], [], [], []
carried, statistics = [], []


def leaves(tree):
    def name(path):
        path = [str(getattr(p, "key", getattr(p, "name", getattr(p, "idx", p)))) for p in path]
        return "/".join(path[:-1] if path[-1:] == ["value"] else path)

    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {name(path): np.array(leaf) for path, leaf in flat if hasattr(leaf, "dtype")}


def replaced(tree, weights):
    flat, form = jax.tree_util.tree_flatten_with_path(tree)
    names = leaves(tree)
    return form.unflatten([jnp.asarray(weights[name]) for name in names])


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
    for run in runs:
        lines += ["", "before.append([]), after.append([]), states.append([]), losses.append([])"]
        lines += ["carried.append([]), statistics.append([])"]
        tree = isinstance(run.problem, TreeProblem)
        lines += _tree_run(run.problem) if tree else _trainer_run(run)
    if isinstance(refutation, SubjectRaised):
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


def _trainer_run(run: Trajectory) -> Iterator[str]:
    """Write a trainer's run; the subject knows how its own functions are called."""
    problem = run.problem
    yield f"optimizer = {problem.optimizer.source}"
    for number in range(1, max(problem.steps, 1) + 1):
        x, y = (jax.tree.map(np.asarray, part) for part in problem.batch(number))
        yield f"batch_{number} = types.SimpleNamespace(x={nested(x)}, y={nested(y)})"
    yield f"training = subject.begin({problem.seed}, batch_1, optimizer)"
    if problem.weights != "initialised" and run.steps:
        yield from _weights(run.first)
    yield "statistics[-1].append(leaves(training.model_state()))"
    number = 0
    for action in problem.actions:
        number += action == "step"
        yield from _ACTIONS.get(action) or (
            "before[-1].append(leaves(training.params()))",
            f"losses[-1].append(float(training.step(batch_{number})))",
            "after[-1].append(leaves(training.params()))",
            "states[-1].append(leaves(training.opt_state()))",
            "carried[-1].append(leaves(training.everything()))",
            "statistics[-1].append(leaves(training.model_state()))",
        )


_ACTIONS = {
    "freeze": ("training.refreeze(frozen)",),
    "unfreeze": ("training.refreeze(())",),
    "save": ("saved = jax.tree.map(np.array, training.everything())",),
    "restore": ("training.set_everything(jax.tree.map(jnp.asarray, saved))",),
}


def _weights(first: Moment) -> Iterator[str]:
    yield "weights = {"
    for path, leaf in first.params.items():
        yield f"    {path_text(path)!r}: {literal(leaf.array)},"
    yield "}"
    yield "training.set_params(replaced(training.params(), weights))"
