"""Proving a subject: which programs are traced of it, and what all of them show together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...reference.architecture_pool import PLAIN
from ...reference.linen_trainer import LinenTrainer
from ...reference.nnx_trainer import NnxTrainer
from ...reference.optax_freeze import OptaxFreeze
from ...reference.optimizer import OWN, Optimizer, optimizer
from ...reference.optimizer_catalogue import CATALOGUE, COMMON, WRAPPERS, Facts
from ...reference.reference_trainer import ReferenceTrainer
from ...reference.training_problem import Batch, TrainingProblem
from ...reference.tree_problem import TreeProblem
from .claims import CLAIMS, Proof, Proofs, settle_claims
from .marks import has_rate
from .program import NotTraced, Program
from .tracing import trace_trainer, trace_wrapper

#: What a wrapper is traced on: a tree of two layers, of which the first is frozen.
_TREE, _FROZEN = "two layers", ("Dense_0/kernel", "Dense_0/bias")
_ROWS, _FEATURES = 4, 3


def prove(subject: Any, under: Any, *, batches: Sequence[Batch] | None = None) -> Proofs:
    """Prove what can be proved of a subject under one optimizer.

    Args:
        subject: an `OptaxFreeze`, a `LinenTrainer`, an `NnxTrainer` or a reference trainer.
        under: a row of the catalogue, or what stands for another optimizer.
        batches: two batches of the form that the subject takes, for all of which the proof is; by
            default x float32 (4, 3) and y float32 (4, outputs).

    Returns:
        What is proved, and of what is not the equation in the way; where the subject cannot be
        traced, the reason.
    """
    open_rate = has_rate(under)
    try:
        try:
            program = _traced(subject, under, batches, open_rate)
        except NotTraced:
            if not open_rate:
                raise
            # An optimizer that looks at its rate while it is built: for this one rate alone.
            program = _traced(subject, under, batches, False)
    except NotTraced as reason:
        return Proofs(str(under), not_traced=str(reason))
    return settle_claims(program, under, created=not isinstance(subject, OptaxFreeze))


def _traced(
    subject: Any, under: Any, batches: Sequence[Batch] | None, open_rate: bool
) -> Program:
    if isinstance(subject, OptaxFreeze):
        problem = TreeProblem(_TREE, _FROZEN, under, 1, 0)
        return trace_wrapper(subject, problem, open_rate=open_rate)
    architecture = None
    if isinstance(subject, ReferenceTrainer):
        architecture = PLAIN[0]
        subject = subject.trainer(architecture, (architecture.first,))
    if not isinstance(subject, LinenTrainer | NnxTrainer):
        raise NotTraced("it is an exercise: its step cannot be had apart from its set-up")
    if batches is None:
        problems = [
            TrainingProblem(0, under, _ROWS, _FEATURES, fill, architecture=architecture)
            for fill in (0, 1)
        ]
        batches = [problem.batch(1) for problem in problems]
    return trace_trainer(subject, under, batches, open_rate=open_rate)


def promised(subject: Any) -> Sequence[Optimizer]:
    """Return the optimizers under which a subject promises to freeze, each at one learning rate.

    Raises `NotTraced` where they are drawn by a strategy of the subject's own.
    """
    chosen = subject.optimizers
    if chosen == "all":
        return [*_common(), *_beyond(), *_wrapped()]
    if chosen == "common":
        return [*_common(), *_clipped()]
    if callable(chosen) and not hasattr(chosen, "map"):
        return [each for each in (*_common(), *_clipped()) if chosen(each.facts)]
    raise NotTraced("its optimizers are drawn by a strategy of its own")


def _rows(names: Sequence[str], inner: Optimizer | None = None) -> list[Optimizer]:
    found = []
    for name in names:
        if not CATALOGUE[name].excluded:
            # All rates are proved at once: of each other setting, the first.
            settings = {
                tuple(pair for pair in setting if pair[0] != "learning_rate"): setting
                for setting in reversed(CATALOGUE[name].settings())
            }
            found += [
                optimizer(name, inner, **dict(setting))
                if inner is not None
                else optimizer(name, **dict(setting))
                for setting in settings.values()
            ]
    return found


def _common() -> list[Optimizer]:
    return _rows(COMMON)


def _beyond() -> list[Optimizer]:
    return _rows([name for name in CATALOGUE if name not in (*COMMON, *WRAPPERS)])


def _clipped() -> list[Optimizer]:
    return [each for inner in _common() for each in _rows(["clip_by_global_norm"], inner)]


def _wrapped() -> list[Optimizer]:
    return [each for inner in _common() for each in _rows(WRAPPERS, inner)]


__all__ = ["CLAIMS", "OWN", "Facts", "Mapping", "Proof", "promised", "prove"]
