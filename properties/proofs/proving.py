"""Proving a subject: which programs are traced of it, and what all of them show together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from ...reference.correct.trainers.reference_trainer import ReferenceTrainer
from ...reference.observation.probe import probe, simplest_batches
from ...reference.optimizers.catalogue import CATALOGUE, COMMON, WRAPPERS, Facts
from ...reference.optimizers.declared import Optimizers
from ...reference.optimizers.optimizer import OWN, Optimizer, optimizer
from ...reference.problems.architecture_pool import PLAIN
from ...reference.problems.training_problem import Batch, TrainingProblem
from ...reference.problems.wrapper_problem import TREES, TreeProblem, leaf_paths
from ...reference.subjects.capability import Capability
from ...reference.subjects.linen_trainer import LinenTrainer
from ...reference.subjects.nnx_trainer import NnxTrainer
from ...reference.subjects.optax_wrapper import OptaxFreeze
from ...reference.subjects.signatures import UnusableSubject
from .claims import CLAIMS, Proof, Proofs, settle_claims
from .explanation import Explanation
from .marks import has_rate
from .program import NotTraced, Program
from .tracing import trace_trainer, trace_wrapper

_ROWS, _FEATURES = 4, 3
#: Trees whose leaves are all float32, as the laws draw them.
_TREES = tuple(name for name in TREES if name not in ("bfloat16", "float16"))
#: What laws about other optimizers than the promised ones leave out of those.
_ELIGIBLE: Mapping[str, Callable[[Facts], bool]] = {
    "frozen-under-overflow": lambda facts: not (facts.couples_leaves or facts.spreads_nan),
}


def prove(subject: Any, under: Any, *, place: int = 0) -> Proofs:
    """Prove what can be proved of a subject under one optimizer.

    Args:
        subject: an `OptaxFreeze`, a `LinenTrainer`, an `NnxTrainer` or a reference trainer.
        under: a row of the catalogue, or what stands for another optimizer.
        place: which tree and mask, or which architecture, a subject that takes any is traced on.

    Returns:
        What is proved, and of what is not the equation in the way; where the subject cannot be
        traced, the reason.
    """
    open_rate = has_rate(under)
    try:
        try:
            program = _traced(subject, under, place, open_rate)
        except NotTraced:
            if not open_rate:
                raise
            # An optimizer that looks at its rate while it is built: for this one rate alone.
            program = _traced(subject, under, place, False)
    except NotTraced as reason:
        return Proofs(str(under), not_traced=str(reason))
    return settle_claims(program, under, created=not isinstance(subject, OptaxFreeze))


def _traced(subject: Any, under: Any, place: int, open_rate: bool) -> Program:
    if isinstance(subject, OptaxFreeze):
        tree, frozen = _masks()[place % len(_masks())]
        problem = TreeProblem(tree, frozen, under, 1, 0)
        return trace_wrapper(subject, problem, open_rate=open_rate)
    architecture = None
    if isinstance(subject, ReferenceTrainer):
        architecture = PLAIN[place % len(PLAIN)]
        subject = subject.trainer(architecture, (architecture.first,))
    if not isinstance(subject, LinenTrainer | NnxTrainer):
        raise NotTraced("it is an exercise, whose step cannot be had apart from its set-up")
    try:
        batches = _batches(subject, under, architecture)
    except UnusableSubject as reason:
        raise NotTraced(str(reason)) from None
    return trace_trainer(subject, under, batches, open_rate=open_rate)


def _masks() -> Sequence[tuple[str, tuple[str, ...]]]:
    """Return trees with what is frozen in them: the first leaf, the last, and every other one."""
    found = [("two layers", ("Dense_0/kernel", "Dense_0/bias"))]
    for tree in _TREES:
        paths = leaf_paths(tree)
        found += [(tree, chosen) for chosen in dict.fromkeys((paths[:1], paths[-1:], paths[::2]))]
    return found


def _batches(trainer: Any, under: Any, architecture: Any) -> Sequence[Batch]:
    own = simplest_batches(trainer)
    problems = [
        TrainingProblem(
            0,
            under,
            _ROWS,
            _FEATURES,
            fill,
            outputs=(1,) if architecture else probe(trainer).outputs,
            batches=own,
            architecture=architecture,
        )
        for fill in (0, 1)
    ]
    return [problem.batch(1) for problem in problems]


# What holds under all optimizers of the promise


@final
@dataclass(frozen=True)
class Standing:
    """What is proved of a subject under every optimizer of its promise."""

    proved: Mapping[str, Proof] = field(default_factory=dict)
    #: What is not, under the first optimizer that is in the way.
    unproved: Mapping[str, tuple[str, Explanation]] = field(default_factory=dict)
    #: Why nothing was tried, if nothing was.
    not_traced: str = ""
    #: How many programs were traced.
    programs: int = 0


def prove_promised(subject: Any) -> Standing:
    """Prove the laws of a subject under all optimizers under which it promises to freeze."""
    try:
        each_proved = list(_every_program(subject))
    except NotTraced as reason:
        return Standing(not_traced=str(reason))
    for facts, proofs in each_proved:
        del facts
        if proofs.not_traced:
            return Standing(not_traced=f"under {proofs.optimizer}: {proofs.not_traced}")
    proved: dict[str, Proof] = {}
    unproved: dict[str, tuple[str, Explanation]] = {}
    for claim in CLAIMS:
        eligible = _ELIGIBLE.get(claim.law, lambda facts: True)
        tried = [proofs for facts, proofs in each_proved if eligible(facts)]
        failed = [each for each in tried if claim.law not in each.proved]
        if failed:
            unproved[claim.law] = failed[0].optimizer, failed[0].unproved[claim.law]
        elif tried:
            assumed = [a for each in tried for a in each.proved[claim.law].assumptions]
            proved[claim.law] = Proof(claim.law, tuple(dict.fromkeys(assumed)))
    return Standing(proved, unproved, programs=len(each_proved))


def _every_program(subject: Any) -> Iterator[tuple[Facts, Proofs]]:
    """Prove under each optimizer; the plainest one on everything that the subject can take."""
    chosen = promised(subject)
    for place, each in enumerate(chosen):
        proofs = prove(subject, each, place=place)
        yield each.facts, proofs
        if proofs.not_traced:
            return
    takes = len(_masks()) if isinstance(subject, OptaxFreeze) else 0
    takes = len(PLAIN) if isinstance(subject, ReferenceTrainer) else takes
    for place in range(len(chosen), takes):
        yield chosen[0].facts, prove(subject, chosen[0], place=place)


def promised(subject: Any) -> Sequence[Any]:
    """Return the optimizers under which a subject promises to freeze, each at one learning rate.

    Raises `NotTraced` where they are drawn by a strategy of the subject's own.
    """
    if subject.kind not in ("optax", "trainer"):
        raise NotTraced("it is an exercise, whose step cannot be had apart from its set-up")
    try:
        if Capability.OPTIMIZER not in probe(subject).capabilities:
            return [OWN]
    except UnusableSubject as reason:
        raise NotTraced(str(reason)) from None
    chosen = subject.optimizers
    if isinstance(chosen, Optimizers):
        rows = _rows(chosen.names)
        return rows if chosen.behind is None else _around((chosen.behind,), rows)
    if chosen == "all":
        # As the laws draw: wrappers around optimizers of the common set.
        beyond = [name for name in CATALOGUE if name not in (*COMMON, *WRAPPERS)]
        return [*_rows(COMMON), *_rows(beyond), *_around(WRAPPERS, _rows(COMMON))]
    common = [*_rows(COMMON), *_around(("clip_by_global_norm",), _rows(COMMON))]
    if chosen == "common":
        return common
    if callable(chosen) and not hasattr(chosen, "map"):
        return [each for each in common if chosen(each.facts)]
    raise NotTraced("its optimizers are drawn by a strategy of its own")


def _rows(names: Sequence[str], inner: Optimizer | None = None) -> list[Optimizer]:
    """Return rows of the catalogue with all of their settings but the learning rate."""
    found = []
    for name in names:
        if not CATALOGUE[name].excluded:
            # All rates are proved at once: of each other setting, the first.
            settings = {
                tuple(pair for pair in setting if pair[0] != "learning_rate"): setting
                for setting in reversed(CATALOGUE[name].settings())
            }
            around = () if inner is None else (inner,)
            found += [optimizer(name, *around, **dict(each)) for each in settings.values()]
    return found


def _around(names: Sequence[str], inner: Sequence[Optimizer]) -> list[Optimizer]:
    return [each for one in inner for each in _rows(names, one)]
