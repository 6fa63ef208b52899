"""Laws as values: an id, a statement, a guarantee, what it draws, what it checks, its budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from ...reference.subjects.capability import Requirement

Guarantee = Literal["computes", "selected", "norm", "value", "bits", "inert", "isolated", "advice"]

#: What each guarantee is about, the one that everything rests on first.
GUARANTEES: Mapping[Guarantee, str] = {
    "computes": "losses, answers and repeatability are right",
    "selected": "exactly the promised leaves are frozen, all others train",
    "norm": "frozen leaves keep their norm",
    "value": "frozen leaves keep their values",
    "bits": "frozen leaves keep their very bits",
    "inert": "optimizer state, statistics and copies of frozen leaves stay put",
    "isolated": "trainable leaves train as if the frozen part were a constant",
    "advice": "worth knowing, never promised",
}


@dataclass(frozen=True, eq=False)
class Law:
    """A named statement about what a subject did, that holds for every correct freeze.

    `check` takes the observed calls of one drawn example and returns, or raises `Refutation`,
    or `Inconclusive` where the example says nothing. `budget` maps labels (see `label`) to the
    least share of judged examples that must carry them; below it the law is vacuous. `evidence`
    does so for labels that depend on the code under test too: a model of tokens never overflows,
    whatever is drawn, and below the share the law has not run on it.
    """

    id: str
    guarantee: Guarantee
    needs: Requirement
    #: Strategy of one example's problems, for a subject and a pool of shapes.
    draws: Callable[..., Any]
    check: Callable[..., None]
    #: What a failure usually means, for a person who has to find it.
    meaning: str
    budget: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, float] = field(default_factory=dict)
    #: Observe the updates that the subject makes (x-ray).
    watched: bool = False
    #: About hidden state: every call is really made, none is remembered from another law.
    fresh: bool = False
    #: Accepts calls that raised or answered in the wrong form; other laws leave those aside.
    judges_malformed: bool = False
    #: The part of a run's examples that it gets, but for the first ten: less for a law of which
    #: each example is a compilation, or goes to a disk.
    share: float = 1.0
    #: Without its verdict nobody knows whether a subject keeps the guarantee.
    decisive: bool = False
    #: About what no subject promises, such as optimizers outside its promise.
    beyond: bool = False
    #: Of a law that is judged over the run (see `observe`): whether a failure counts that nothing
    #: in the run contradicts, given the subject and the refutation.
    confirm: Callable[[Any, Any], bool] | None = None

    @property
    def over_the_run(self) -> bool:
        """Whether it is judged when a run is over, by what never happened in it."""
        return self.confirm is not None

    def examples(self, most: int) -> int:
        """Return how many examples the law gets in a run of so many."""
        return max(min(10, most), round(most * self.share))

    @property
    def statement(self) -> str:
        """The law in words."""
        return " ".join((self.check.__doc__ or "").split())

    def __repr__(self) -> str:
        return f"<law {self.id}>"


class Refutation(AssertionError):
    """A law does not hold: what was seen, and the same as an assertion for a stand-alone script.

    `facts` are the numbers behind the message: leaf, before, after, expected, bound…
    """

    def __init__(self, message: str, *, assertion: str, **facts: Any):
        super().__init__(message)
        self.assertion = assertion
        self.facts = facts
        #: Runs of other subjects that it was compared with, for the script.
        self.beside: tuple[Any, ...] = ()


class SubjectRaised(Refutation):
    """The subject raised where it had to answer: the verdict is `error`, not `refuted`."""


class Inconclusive(Exception):
    """This example neither supports nor refutes the law: the reason, the same for all alike.

    `subject` tells that the reason lies in the code under test and not in the drawn problem:
    where such examples prevail the law is `not-run`, and not `vacuous`.
    """

    def __init__(self, reason: str, *, subject: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.subject = subject


_labels: ContextVar[set[str]] = ContextVar("labels of the example that is being judged")
_observations: ContextVar[dict[str, Refutation | None]] = ContextVar("what it showed")


def label(name: str, applies: bool = True) -> None:
    """Count the example that is being judged under a label, if it applies."""
    if applies:
        _labels.get(set()).add(name)


def observe(name: str, failure: Refutation | None) -> None:
    """Note that something happened in this example (None), or that it did not although it should.

    A law that is judged over the run is refuted by what never happened, whenever it should have.
    """
    seen = _observations.get({})
    if seen.get(name, failure) is not None:
        seen[name] = failure


def collect(judge: Callable[[], None]) -> tuple[set[str], dict[str, Refutation | None]]:
    """Run a check and return the labels that it gave, and what it observed."""
    tokens = _labels.set(set()), _observations.set({})
    try:
        judge()
        return _labels.get(), _observations.get()
    finally:
        _labels.reset(tokens[0])
        _observations.reset(tokens[1])


def refute(message: str, *, assertion: str, **facts: Any) -> NoReturn:
    """Raise a `Refutation`; all from one line, which Hypothesis takes for one kind of failure."""
    raise Refutation(message, assertion=assertion, **facts)
