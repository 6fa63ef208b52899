"""Writes the stand-alone script of an exercise: the calls of the counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..laws.law import Law, Refutation, SubjectRaised
from .literals import import_subject, literal

_WATCHING = """\
updates = []  # a list of (before, after) for each call, by path


def record(params, after):
    def leaves(tree):
        if isinstance(tree, nnx.Module):
            tree = nnx.state(tree)
        flat, _ = jax.tree_util.tree_flatten_with_path(tree)
        numbers = [(path, leaf) for path, leaf in flat if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return {names(path): np.array(leaf) for path, leaf in numbers}

    def names(path):
        path = [str(getattr(p, "key", getattr(p, "name", getattr(p, "idx", p)))) for p in path]
        return tuple(path[:-1] if path[-1:] == ["value"] else path)

    return leaves(params), leaves(after)


def same(update, path):
    return path not in update[1] or np.array_equal(update[0][path], update[1][path], equal_nan=True)


def move(updates, path):
    pairs = [(b[path].astype(float), a[path].astype(float)) for b, a in updates if path in a]
    return sum(after - before for before, after in pairs)


plain_apply, plain_update = optax.apply_updates, nnx.Optimizer.update
nested = False


def apply_updates(params, changes):
    after = plain_apply(params, changes)
    if not nested:
        updates[-1].append(record(params, after))
    return after


def update(optimizer, model, *args, **kwargs):
    global nested
    before, nested = nnx.clone(model), True
    try:
        result = plain_update(optimizer, model, *args, **kwargs)
    finally:
        nested = False
    updates[-1].append(record(before, model))
    return result


optax.apply_updates, nnx.Optimizer.update = apply_updates, update
"""


def exercise_script(law: Law, target: str, calls: Sequence[Any], refutation: Refutation) -> str:
    """Return Python source that fails without frostproof; `target` names the subject to import."""
    lines = [f'"""{law.id}: {law.statement}"""', "", *_imports(law), ""]
    if law.watched:
        lines += [_WATCHING]
    lines += [*import_subject(target), "", "returned, answers, inputs_kept = [], [], []"]
    for problem in (call.problem for call in calls):
        batch = problem.batch()
        lines += [
            f"# {problem.regime} values",
            f"x = {literal(batch.x)}",
            f"y = {literal(batch.y)}",
            *(["updates.append([])"] if law.watched else []),
            "given = x.tobytes(), y.tobytes()",
            f"seed, lr = {float(problem.seed)!r}, {float(problem.learning_rate)!r}",
            "returned.append(subject(seed, x, y, lr))",
            "inputs_kept.append((x.tobytes(), y.tobytes()) == given)",
        ]
        if not law.judges_malformed:
            lines.append("answers.append(np.asarray(returned[-1]).astype(float))")
    if isinstance(refutation, SubjectRaised) and refutation.assertion == "True":
        return "\n".join([*lines, f"# {refutation}", ""])
    message = str(refutation)
    return "\n".join([*lines, "", f"assert {refutation.assertion}, (", f"    {message!r}", ")", ""])


def _imports(law: Law) -> list[str]:
    if not law.watched:
        return ["import base64", "import sys", "import zlib", "", "import numpy as np"]
    return [
        "import base64",
        "import sys",
        "import zlib",
        "",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
        "import optax",
        "from flax import nnx",
        "",
        'jax.config.update("jax_disable_jit", True)  # a compiled step would show no values',
        "",
    ]
