"""Laws as values: an id, a statement, a guarantee, a strategy, a check, and budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from ...reference.subjects.capability import Capability, Requirement

Guarantee = Literal["computes", "selected", "norm", "value", "bits", "inert", "isolated", "advice"]

#: The meaning of each guarantee; the first one is what all others rest on.
GUARANTEES: Mapping[Guarantee, str] = {
    "computes": "losses, answers and repeatability are right",
    "selected": "exactly the promised leaves are frozen, and all others train",
    "norm": "frozen leaves keep their norm",
    "value": "frozen leaves keep their values",
    "bits": "frozen leaves keep their very bits",
    "inert": "optimizer state, statistics and copies of frozen leaves do not change",
    "isolated": "trainable leaves train as if the frozen part were a constant",
    "advice": "worth knowing, never promised",
}
#: Those that can be promised: what is only advice fails nothing.
PROMISABLE = tuple(name for name in GUARANTEES if name != "advice")


@dataclass(frozen=True, eq=False)
class Law:
    """A named statement about what a subject did, which holds for every correct freeze.

    A safety law forbids an event in each example: a frozen leaf must not change. A liveness law
    demands an event over the run: each trainable leaf must move at least once. A metamorphic
    relation compares several runs of one example.

    `check` takes the observed calls of one drawn example. It returns, or raises `Refutation`, or
    `Inconclusive` where the example says nothing. `budget` guards against vacuity: it maps labels
    (see `label`) to the least share of judged examples that must carry them, and below that share
    the law is vacuous. `evidence` does the same for labels that the code under test decides as
    well: a model of tokens never overflows, whatever is drawn. Below that share the law is not run.
    """

    id: str
    guarantee: Guarantee
    needs: Requirement
    #: Returns the strategy of one example's problems, for a subject and a pool of shapes.
    draws: Callable[..., Any]
    check: Callable[..., None]
    #: The usual causes of a failure, for a person who has to find the fault.
    meaning: str
    #: Makes of one drawn example's problems those that the law looks at, for a subject. Nothing is
    #: drawn for it: laws that vary the same problems share the runs of those that they leave alone.
    varies: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]] = lambda subject, problems: problems
    budget: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, float] = field(default_factory=dict)
    #: Observe the updates that the subject makes (x-ray).
    watched: bool = False
    #: About hidden state: from this call of an example on, each is made anew and not remembered.
    #: Calls before it may be those of another law; with 0 none may.
    fresh_from: int | None = None
    #: Judges calls that raised or answered in the wrong form; other laws leave those aside.
    judges_malformed: bool = False
    #: The share of a run's examples that the law gets, beyond the first ten: less than 1 where each
    #: example compiles a program or writes to a disk.
    share: float = 1.0
    #: Without its verdict nobody knows whether a subject keeps the guarantee.
    decisive: bool = False
    #: About what no subject promises, such as optimizers outside its promise.
    beyond: bool = False
    #: Only of a liveness law, which is judged over the run (see `observe`): given the subject and
    #: the refutation, tells whether an event that never happened should have. Returns None where it
    #: happens after all, in another run, and raises `Inconclusive` where nothing tells.
    confirm: Callable[[Any, Any], bool | None] | None = None
    #: Given the subject and a refutation, says why a correct program may look like that, or None:
    #: for what is seen by another look at the subject only, which no other example has to pay for.
    excuse: Callable[[Any, Any], str | None] = lambda subject, found: None

    @property
    def over_the_run(self) -> bool:
        """Whether it is a liveness law, which is judged when the run is over."""
        return self.confirm is not None

    @property
    def needs_predictions(self) -> bool:
        """Whether it judges what a trainer predicts."""
        return any(Capability.PREDICT in each for each in self.needs.alternatives)

    def examples(self, most: int) -> int:
        """Return how many examples the law gets in a run with at most this many."""
        return max(min(10, most), round(most * self.share))

    @property
    def statement(self) -> str:
        """The law in words."""
        return " ".join((self.check.__doc__ or "").split())

    def __repr__(self) -> str:
        return f"<law {self.id}>"


class Refutation(AssertionError):
    """A law does not hold: a message for people, and an assertion for the stand-alone script.

    `facts` are the numbers behind the message: leaf, before, after, expected, bound…
    """

    def __init__(self, message: str, *, assertion: str, **facts: Any):
        super().__init__(message)
        self.assertion = assertion
        self.facts = facts
        #: Runs of other subjects that the run was compared with, for the script.
        self.beside: tuple[Any, ...] = ()


class SubjectRaised(Refutation):
    """The subject raised where it had to answer: the verdict is `error`, not `refuted`."""


class Inconclusive(Exception):
    """An example neither supports nor refutes the law.

    Args:
        reason: why; the same text for all examples with this reason, since they are counted by it.
        subject: whether the code under test is the reason, and not the drawn problem. Where such
            examples prevail, the law is `not-run` and not `vacuous`.
    """

    def __init__(self, reason: str, *, subject: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.subject = subject


class Unanswered(Inconclusive):
    """An example on which the subject raised, or answered in another form: one law is about that.

    Args:
        law: the id of that law.
        how: what the subject did, in words.
    """

    def __init__(self, law: str, how: str):
        super().__init__(f"see {law}", subject=True)
        self.law = law
        self.how = how

    def __str__(self) -> str:
        return f"{self.reason}: {self.how}"


#: The laws that report a subject without an answer, one for each kind of subject.
REPORTING = ("training-runs", "answer-shape")

_labels: ContextVar[set[str]] = ContextVar("labels of the example that is being judged")
_observations: ContextVar[dict[str, Refutation | None]] = ContextVar("what it showed")


def label(name: str, applies: bool = True) -> None:
    """Count the current example under a label, if the label applies."""
    if applies:
        _labels.get(set()).add(name)


def observe(name: str, failure: Refutation | None) -> None:
    """Record for a liveness law whether an event happened in the current example.

    Args:
        name: the event, such as the move of a leaf.
        failure: None where it happened, else how to refute the law if it never happens in the run.
    """
    seen = _observations.get({})
    if name not in seen or seen[name] is not None:
        seen[name] = failure


def collect(judge: Callable[[], None]) -> tuple[set[str], dict[str, Refutation | None]]:
    """Run a check, and return the labels and the observations that it recorded."""
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
