"""Writes the stand-alone script of a counterexample: it imports the subject, and asserts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...reference.observation.exercise_run import Call
from ...reference.observation.trajectory import Trajectory
from ...reference.problems.exercise_problem import ExerciseProblem
from ..laws.law import Law, Refutation, SubjectRaised
from .exercise import exercise_script


def script(law: Law, target: str, calls: Sequence[Any], refutation: Refutation) -> str:
    """Return Python source that fails without frostproof; `target` names the subject to import."""
    if isinstance(calls[0], Call):
        return exercise_script(law, target, calls, refutation)
    from .training import training_script  # here, since a law book is read without JAX

    return training_script(law, target, calls, refutation)


def script_of_death(
    law: Law, subject: Any, problems: list[dict[str, Any]], target: str, reason: str
) -> str:
    """Return the script that gives a subject the problems which a process died of."""
    read = [subject.read_problem(problem) for problem in problems]
    calls = [Call(each) if isinstance(each, ExerciseProblem) else Trajectory(each) for each in read]
    return script(law, target, calls, SubjectRaised(reason, assertion="True"))
