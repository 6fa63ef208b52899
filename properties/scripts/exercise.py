"""Writes the stand-alone script of an exercise: the calls of the counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..laws.law import Law, Refutation
from .literals import import_subject, literal
from .prelude import assertion_lines, complete, paste


def exercise_script(law: Law, target: str, calls: Sequence[Any], refutation: Refutation) -> str:
    """Return Python source that fails without frostproof; `target` names the subject to import."""
    lines = ["watch()"] if law.watched else []  # before the subject takes `apply_updates` by name
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
    lines += assertion_lines(refutation)
    return complete(law, _prelude(lines) if law.watched else "import numpy as np", lines)


def _prelude(lines: list[str]) -> str:
    from . import exercise_prelude  # here: it imports JAX, without which a law book is read

    eager = 'jax.config.update("jax_disable_jit", True)  # a compiled step would show no values'
    return f"{paste(exercise_prelude, lines)}\n\n\n{eager}"
