"""Proving a subject: which programs are traced of it, and what all of them show together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

from ...reference.correct.trainers.reference_trainer import ReferenceTrainer
from ...reference.optimizers.catalogue import CATALOGUE, COMMON, WRAPPERS, Facts
from ...reference.optimizers.declared import Optimizers
from ...reference.optimizers.optimizer import OWN, Optimizer, as_optimizer, optimizer
from ...reference.problems.architecture_pool import PLAIN
from ...reference.problems.batches import Batch
from ...reference.problems.training_problem import TrainingProblem
from ...reference.problems.wrapper_problem import TREES, TreeProblem, leaf_paths
from ...reference.pytrees.articles import a_type_of
from ...reference.subjects.capability import Capability
from ...reference.subjects.linen_trainer import LinenTrainer
from ...reference.subjects.nnx_trainer import NnxTrainer
from ...reference.subjects.optax_wrapper import OptaxFreeze
from ...reference.subjects.signatures import UnusableSubject
from ...reference.trials.drawn_first import simplest_batches, some_of
from ...reference.trials.probe import probe
from .claims import OTHER_STATES, Proof, Proofs, settle_claims
from .explanation import Explanation
from .kinds import kinds_of
from .marks import AnyOptimizer, has_rate
from .program import NotTraced, Program
from .provable import OF_ANY_OPTIMIZER, PROVABLE
from .tracing import trace_trainer, trace_wrapper

_ROWS, _FEATURES = 4, 3
#: Trees whose leaves are all float32, as the laws draw them.
_TREES = tuple(name for name in TREES if name not in ("bfloat16", "float16"))


def prove(
    subject: Any,
    under: Any,
    laws: Collection[str] = PROVABLE,
    *,
    place: int = 0,
    leaf: str = "",
    on: Any = None,
) -> Proofs:
    """Prove what can be proved of a subject under one optimizer.

    Args:
        subject: an `OptaxFreeze`, a `LinenTrainer`, an `NnxTrainer` or a reference trainer.
        under: a row of the catalogue, or any optimizer that is like one.
        laws: those to prove.
        place: which tree and mask, or which architecture, a subject that takes any is traced on.
        leaf: the leaf to explain, if several are unproved.
        on: the problem whose tree and mask a wrapper is traced on, by whose names it is explained.

    Returns:
        What is proved, and of what is not the equation in the way; where the subject cannot be
        traced, the reason.
    """
    open_rate = has_rate(under)
    try:
        try:
            program = _traced(subject, under, place, open_rate, on)
        except NotTraced:
            if not open_rate:
                raise
            # An optimizer that looks at its rate while it is built: for this one rate alone.
            program = _traced(subject, under, place, False, on)
    except NotTraced as reason:
        return Proofs(str(under), not_traced=str(reason))
    created = not isinstance(subject, OptaxFreeze)
    return settle_claims(program, under, laws, created=created, leaf=leaf)


def _traced(subject: Any, under: Any, place: int, open_rate: bool, on: Any) -> Program:
    if isinstance(subject, OptaxFreeze):
        tree, frozen = (on.tree, on.frozen) if on else _masks()[place % len(_masks())]
        problem = TreeProblem(tree, frozen, under, 1, 0)
        return trace_wrapper(subject, problem, open_rate=open_rate)
    architecture = None
    if isinstance(subject, ReferenceTrainer):
        architecture = PLAIN[place % len(PLAIN)]
        subject = subject.trainer(architecture, (architecture.first,))
    if not isinstance(subject, LinenTrainer | NnxTrainer):
        raise NotTraced(f"the prover does not trace {a_type_of(subject)}")
    try:
        batches = _batches(subject, under, architecture)
    except UnusableSubject as reason:
        raise NotTraced(str(reason)) from None
    return trace_trainer(subject, under, batches, open_rate=open_rate)


def _masks() -> Sequence[tuple[str, tuple[str, ...]]]:
    """Return trees with what is frozen in them: the first leaf, the last, every other one, all."""
    found: list[tuple[str, tuple[str, ...]]]
    found = [("two layers", ("Dense_0/kernel", "Dense_0/bias"))]
    for tree in _TREES:
        paths = leaf_paths(tree)
        found += [
            (tree, chosen) for chosen in dict.fromkeys((paths[:1], paths[-1:], paths[::2], paths))
        ]
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
    #: That optimizer: a row of the catalogue, or `OWN`.
    in_the_way: Mapping[str, Any] = field(default_factory=dict)
    #: Why nothing was tried, if nothing was.
    not_traced: str = ""
    #: How many programs were traced.
    programs: int = 0


def prove_promised(subject: Any) -> Standing:
    """Prove the laws of a subject under all optimizers under which it promises to freeze.

    First for all of a kind at once, with nothing known but their state: most techniques need
    to know no more. What does is proved for one optimizer of the promise after the other.
    """
    if subject.kind not in ("optax", "trainer"):
        return Standing(not_traced="it is an exercise, whose step is not apart from its set-up")
    try:
        own = Capability.OPTIMIZER not in probe(subject).capabilities
    except UnusableSubject as reason:
        return Standing(not_traced=str(reason))
    try:
        chosen = [OWN] if own else promised(subject)
    except NotTraced as reason:
        return _under_some(subject, str(reason))
    general = Standing() if own else _under_any_optimizer(subject, *kinds_of(chosen))
    left = [law for law in PROVABLE if law not in {**general.proved, **general.unproved}]
    if not left:
        return general
    special = _under_each(subject, chosen, left)
    if special.not_traced:
        return special
    proved = {**general.proved, **special.proved}
    return Standing(
        {law: proved[law] for law in PROVABLE if law in proved},
        {**special.unproved, **general.unproved},
        special.in_the_way,
        programs=general.programs + special.programs,
    )


def _under_some(subject: Any, reason: str) -> Standing:
    """Prove what holds under all that keep a state like that of one of a few drawn optimizers."""
    drawn = [as_optimizer(each) for each in some_of("optimizers", subject.optimizers)]
    kinds, _ = kinds_of(drawn)
    general = _under_any_optimizer(subject, kinds, False)
    here = "its optimizers", Explanation("nothing", f"was tried: {reason}")
    unproved = {law: here for law in PROVABLE if law not in general.proved}
    return replace(general, unproved=unproved | dict(general.unproved))


def _under_any_optimizer(subject: Any, kinds: Sequence[AnyOptimizer], are_all: bool) -> Standing:
    proved: dict[str, Proof] = {}
    unproved: dict[str, tuple[str, Explanation]] = {}
    for place in range(max(len(kinds), _places(subject))):
        # All kinds once more on what else the subject can take.
        under = kinds[place % len(kinds)]
        laws = proved if place else PROVABLE
        proofs = prove(subject, under, laws, place=place)
        for law in laws:
            if law in OF_ANY_OPTIMIZER and law not in proofs.proved:
                unproved[law] = _circumstances(subject, proofs), _explanation(proofs, law)
        here = proofs.proved
        if place:
            here = {law: proved[law].and_also(here[law]) for law in proved if law in here}
        proved = dict(here)
        if not proved:
            break
    for law in OF_ANY_OPTIMIZER if are_all else PROVABLE:
        if law in proved:
            proved[law] = proved[law].and_also(Proof(law, (OTHER_STATES,)))
    return Standing(proved, unproved, programs=place + 1)


def _under_each(subject: Any, chosen: Sequence[Any], laws: Collection[str]) -> Standing:
    proved: dict[str, Proof] = {}
    unproved: dict[str, tuple[str, Explanation]] = {}
    in_the_way: dict[str, Any] = {}
    programs = 0
    for place in range(max(len(chosen), _places(subject))):
        # All optimizers once more on what else the subject can take: some keep state, some none.
        under = chosen[place % len(chosen)]
        left = [law for law in laws if law not in in_the_way and _is_about(law, under.facts)]
        if not left:
            continue
        proofs = prove(subject, under, left, place=place)
        programs += 1
        if proofs.not_traced and place == 0:  # most likely under no other one either
            return Standing(not_traced=proofs.not_traced)
        for law in left:
            if law in proofs.proved:
                known = proved.get(law, proofs.proved[law])
                proved[law] = known.and_also(proofs.proved[law])
                continue
            why = _circumstances(subject, proofs), _explanation(proofs, law)
            if proofs.not_traced:  # what is lost under another optimizer says more
                unproved.setdefault(law, why)
            else:
                unproved[law], in_the_way[law] = why, under
    proved = {law: proof for law, proof in proved.items() if law not in unproved}
    for law in laws:
        if law not in proved and law not in unproved:
            nothing = Explanation("no optimizer of the promise", "is one that this law is about")
            unproved[law] = "any optimizer", nothing
    return Standing(proved, unproved, in_the_way, programs=programs)


def _is_about(law: str, facts: Facts) -> bool:
    """Tell whether a law is about a promised optimizer: that on overflow leaves out those that
    couple leaves.
    """
    if law in OF_ANY_OPTIMIZER:
        return False
    return law != "frozen-under-overflow" or not (facts.couples_leaves or facts.spreads_nan)


def _circumstances(subject: Any, proofs: Proofs) -> str:
    """Name the optimizer, and for a wrapper the tree of the prover's in which leaves are named."""
    tree = proofs.shapes.partition(",")[0] if isinstance(subject, OptaxFreeze) else ""
    return f"{proofs.optimizer} on the {tree}" if tree else proofs.optimizer


def _explanation(proofs: Proofs, law: str) -> Explanation:
    if proofs.not_traced:
        return Explanation("a step", f"is not traced: {proofs.not_traced}")
    return proofs.unproved[law]


def _places(subject: Any) -> int:
    """Return on how many trees and masks, or architectures, a subject is traced."""
    if isinstance(subject, OptaxFreeze):
        return len(_masks())
    return len(PLAIN) if isinstance(subject, ReferenceTrainer) else 1


def promised(subject: Any) -> Sequence[Optimizer]:
    """Return the optimizers under which a subject promises to freeze, each at one learning rate.

    Raises `NotTraced` where they are drawn by a strategy of the subject's own.
    """
    chosen = subject.optimizers
    if isinstance(chosen, Optimizers):
        rows = _rows(chosen.names)
        return rows if chosen.behind is None else _around((chosen.behind,), rows)
    common = [*_rows(COMMON), *_around(("clip_by_global_norm",), _rows(COMMON))]
    if chosen == "all":
        # As the laws draw: wrappers around optimizers of the common set.
        beyond = [name for name in CATALOGUE if name not in (*COMMON, *WRAPPERS)]
        wrapped = [name for name in WRAPPERS if name != "clip_by_global_norm"]
        return [*common, *_rows(beyond), *_around(wrapped, _rows(COMMON))]
    if chosen == "common":
        return common
    if callable(chosen) and not hasattr(chosen, "map"):
        return [each for each in common if chosen(each.facts)]
    raise NotTraced("its optimizers are drawn by its own strategy")


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
