"""The one place where judging asks for proofs: what is proved of a subject, and why what is not.

What goes wrong in here costs a proof and no verdict: sampling goes on as if nobody had asked.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...reference.optimizers.declared import Optimizers
from ...reference.optimizers.optimizer import Optimizer
from ...reference.subjects.optax_wrapper import OptaxFreeze
from ...reference.subjects.trainer import Trainer
from ...reference.subjects.user_errors import error_text, let_through
from .claims import Proof
from .provable import EXPLAINED_BY, PROVABLE
from .proving import Standing, prove, prove_promised

_known: dict[int, tuple[Any, Standing]] = {}
#: Subjects whose standing is remembered: a process judges one after the other.
_MOST = 8


def standing_of(subject: Any) -> Standing:
    """Return what is proved of a subject, found out once; it never raises."""
    known = _known.get(id(subject))
    if known is not None and known[0] is subject:
        return known[1]
    try:
        standing = prove_promised(subject)
    except BaseException as error:
        let_through(error)
        standing = Standing(not_traced=f"the prover raised {error_text(error)}")
    while len(_known) >= _MOST:
        del _known[next(iter(_known))]
    _known[id(subject)] = subject, standing
    return standing


def proved_laws(subject: Any) -> Mapping[str, Proof]:
    """Return the laws that hold for every input of a subject, with what their proofs assume."""
    return standing_of(subject).proved


def under_what_is_in_the_way(law: str, subject: Any) -> Any:
    """Return the subject as one that promises a single row of the catalogue: that under which a law
    is not proved; None if there is no such row.
    """
    optimizer = standing_of(subject).in_the_way.get(law)
    promises = isinstance(subject, OptaxFreeze | Trainer)  # a reference trainer: its technique does
    if not promises or not isinstance(optimizer, Optimizer):
        return None
    return _promising(subject, optimizer)


@functools.lru_cache(maxsize=_MOST)  # laws that draw the same problems look for them by subject
def _promising(subject: Any, optimizer: Optimizer) -> Any:
    inner = optimizer if optimizer.inner is None else optimizer.inner
    behind = None if optimizer.inner is None else optimizer.name
    rates = subject.optimizers.rates if isinstance(subject.optimizers, Optimizers) else None
    return replace(subject, optimizers=Optimizers(inner.name, rates=rates, behind=behind))


def explanation_of(law: str, subject: Any, problem: Any, leaf: str) -> str | None:
    """Return the equation by which a law is lost in a problem, if the prover finds one.

    Sooner that of the `leaf` that was seen to move than that of another.
    """
    law = EXPLAINED_BY.get(law, law)
    if law not in PROVABLE:
        return None
    try:
        proofs = prove(subject, problem.optimizer, [law], leaf=leaf, on=problem)
    except BaseException as error:
        let_through(error)
        return None
    found = proofs.unproved.get(law)
    if found is None or not found.equation:
        return None
    return str(found) if found.where else f"{found.leaf} {found.what}"
