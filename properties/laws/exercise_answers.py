"""The law book, exercises: the three numbers that `fn(seed, x, y, lr)` returns are right."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...reference.observation.exercise_run import Call
from ...reference.oracles.exercise_oracle import oracle_of
from ...reference.subjects.capability import Capability, Requirement
from ...strategies.problems import exercises
from .law import Inconclusive, Law, SubjectRaised, Unanswered, label, refute
from .requirements.bounds import require_close, require_within
from .requirements.endings import assertion_of, ending

ORDINARY_RATES = (1e-4, 1e3)
_NAMES = ("loss", "norm after", "norm before")


def exercise_law(id: str, **fields: Any) -> Callable[[Callable[..., None]], Law]:
    """Make a law on exercises from its check, which takes the calls of one example."""

    def make(check: Callable[..., None]) -> Law:
        @wraps(check)
        def check_well_formed(*calls: Call) -> None:
            for call in calls:
                require_well_formed(call)
            check(*calls)

        checked = check if fields.get("judges_malformed") else check_well_formed
        return Law(id, needs=Requirement.on(Capability.EXERCISE), check=checked, **fields)

    return make


def require_well_formed(call: Call) -> None:
    """Leave an example aside whose answer cannot be read; `answer-shape` is about that."""
    if isinstance(call.raised, ValueError) and call.problem.learning_rate < 0:
        raise Inconclusive("the negative learning rate was declined")
    if call.raised is not None or call.malformed:
        raise Unanswered("answer-shape", how_it_ended(call))


def how_it_ended(call: Call) -> str:
    """Say how a call ended without an answer that can be read."""
    if call.raised is not None:
        return f"the call {ending(call.raised)}"
    return f"the answer is {call.malformed}"


@exercise_law(
    "answer-shape",
    guarantee="computes",
    decisive=True,
    draws=exercises.single,
    judges_malformed=True,
    meaning="An exception on some shapes, a missing return, or a nested list instead of three "
    "numbers.",
)
def answer_is_three_numbers(call: Call) -> None:
    """The answer converts to a real floating array of shape (3,)."""
    if call.raised is not None:
        ended, asserted = ending(call.raised), assertion_of(call.raised)
        raise SubjectRaised(how_it_ended(call), assertion=asserted, raised=ended)
    if call.malformed:
        refute(
            f"{how_it_ended(call)}, expected three real numbers [loss, after, before]",
            assertion="np.asarray(returned[0]).shape == (3,) "
            "and np.asarray(returned[0]).dtype.kind in 'fV'",
            observed=call.malformed,
        )


@exercise_law(
    "answer-norms-equal",
    guarantee="norm",
    decisive=True,
    draws=exercises.single_at_any_rate,
    budget={"the kernel would have moved": 0.3, "learning rate at least 1": 0.2},
    meaning="The frozen kernel trains: the freeze names another layer, misses some path, comes "
    "after the optimizer's weight decay, or multiplies an overflowing gradient by 0.",
)
def norms_are_equal(call: Call) -> None:
    """`after` equals `before`. Where they are not identical, both lie within γ·‖k‖ of the float64
    norm of the initial kernel, since one compiled program may sum the same bits in two orders.
    """
    low, high = ORDINARY_RATES
    label("the kernel would have moved", oracle_of(call.problem).unfrozen_move >= 1)
    label("learning rate at least 1", call.problem.learning_rate >= 1)
    label("learning rate not ordinary", not low <= call.problem.learning_rate <= high)
    label("identical", call.norm_after == call.norm_before)
    if call.norm_after != call.norm_before:
        for index in (1, 2):
            within = oracle_of(call.problem).kernel_norm.allows(_numbers(call)[index])
            if not within:
                refute(
                    f"frozen kernel's norm changed: {call.norm_before:.9g} → {call.norm_after:.9g}",
                    assertion="answers[0][1] == answers[0][2]",
                    leaf="frozen kernel",
                    before=call.norm_before,
                    after=call.norm_after,
                )


@exercise_law(
    "answer-norm-is-initial-norm",
    guarantee="computes",
    draws=exercises.single,
    meaning="Another model, another initialisation, a seed that lost bits in a conversion, or the "
    "norm of another leaf.",
)
def norm_is_of_the_initial_kernel(call: Call) -> None:
    """`before` lies within the oracle's bound of the norm of the initial kernel, which the seed
    determines.
    """
    label("seed above 2**24", call.problem.seed > 2**24)
    require_within(
        "norm before", "answers[0][2]", call.norm_before, oracle_of(call.problem).kernel_norm
    )


@exercise_law(
    "answer-loss-is-mse",
    guarantee="computes",
    decisive=True,
    draws=exercises.single,
    meaning="A sum instead of a mean, a factor, (N, 1) minus (N,) broadcast to (N, N), missing "
    "rows, another activation, or a loss in half precision.",
)
def loss_is_the_mean_squared_error(call: Call) -> None:
    """`loss` lies within the oracle's bound of the NumPy float64 MSE before the step."""
    require_within("loss", "answers[0][0]", call.loss, oracle_of(call.problem).loss)


@exercise_law(
    "answer-loss-before-step",
    guarantee="computes",
    draws=exercises.at_another_rate,
    budget={"the rates differ": 0.5},
    meaning="The loss is evaluated again after the update.",
)
def loss_is_taken_before_the_step(call: Call, other_rate: Call) -> None:
    """Another learning rate gives the same loss, within the sum of both oracle bounds."""
    rates = call.problem.learning_rate, other_rate.problem.learning_rate
    label("the rates differ", rates[0] != rates[1])
    _require_same_loss(call, other_rate, f"loss at lr {rates[1]:.9g}", same_batch=True)


@exercise_law(
    "answer-row-order",
    guarantee="computes",
    draws=exercises.with_permuted_rows,
    budget={"more than one row": 0.5},
    meaning="Rows are weighted, skipped or treated by their position in the batch.",
)
def loss_ignores_the_order_of_rows(call: Call, permuted: Call) -> None:
    """Permuted rows give the same loss, within the sum of both oracle bounds."""
    label("more than one row", call.problem.rows > 1)
    _require_same_loss(call, permuted, "loss of the permuted rows")


@exercise_law(
    "answer-repeated-rows",
    guarantee="computes",
    draws=exercises.with_repeated_rows,
    meaning="The loss is a sum, or is divided by something other than the number of rows.",
)
def loss_is_a_mean_over_rows(call: Call, repeated: Call) -> None:
    """A batch with every row k times gives the same loss, within the sum of both oracle bounds."""
    _require_same_loss(call, repeated, f"loss of each row {repeated.problem.repeats} times")


@exercise_law(
    "answer-repeatable",
    guarantee="computes",
    draws=exercises.sequences,
    fresh_from=0,
    meaning="State outlives a call: a cached result or model, a global counter or random stream.",
)
def each_problem_gets_its_first_answer(*calls: Call) -> None:
    """In a drawn sequence of calls, each problem always gets its first answer: bit for bit on CPU,
    within the oracle's bounds elsewhere.
    """
    first: dict[Any, int] = {}
    for index, call in enumerate(calls):
        earlier = first.setdefault(call.problem, index)
        for number, name in enumerate(_NAMES):
            before, after = (float(_numbers(calls[i])[number]) for i in (earlier, index))
            if not (np.array_equal(before, after, equal_nan=True) or _may_differ(call, number)):
                refute(
                    f"{name} was {before:.9g} at call {earlier + 1}, and is {after:.9g} at call "
                    f"{index + 1} of the same problem",
                    assertion=f"np.array_equal(answers[{earlier}], answers[{index}], "
                    "equal_nan=True)",
                    leaf=name,
                    before=before,
                    after=after,
                )


@exercise_law(
    "answer-inputs-untouched",
    guarantee="computes",
    draws=exercises.single,
    meaning="x or y is normalised, shuffled or sorted in place.",
)
def inputs_keep_their_bytes(call: Call) -> None:
    """A call does not change x and y: they keep their bytes."""
    if not call.inputs_kept:
        refute("the call changed x or y in place", assertion="inputs_kept[0]")


def _numbers(call: Call) -> tuple[float, float, float]:
    return call.loss, call.norm_after, call.norm_before


def _require_same_loss(call: Call, other: Call, name: str, *, same_batch: bool = False) -> None:
    bounds = oracle_of(call.problem).loss, oracle_of((call if same_batch else other).problem).loss
    if bounds[0].may_overflow or bounds[1].may_overflow:
        raise Inconclusive("a sum may overflow float32 in some order")
    require_close(
        ("loss", name),
        ("answers[0][0]", "answers[1][0]"),
        (call.loss, other.loss),
        float(bounds[0].error + bounds[1].error),
    )


def _may_differ(call: Call, number: int) -> bool:
    """Tell whether a number may differ: off the CPU, sums may take another order in each run."""
    import jax

    expected = oracle_of(call.problem).loss if number == 0 else oracle_of(call.problem).kernel_norm
    return jax.default_backend() != "cpu" and expected.allows(_numbers(call)[number])


LAWS = (
    answer_is_three_numbers,
    norms_are_equal,
    norm_is_of_the_initial_kernel,
    loss_is_the_mean_squared_error,
    loss_is_taken_before_the_step,
    loss_ignores_the_order_of_rows,
    loss_is_a_mean_over_rows,
    each_problem_gets_its_first_answer,
    inputs_keep_their_bytes,
)
