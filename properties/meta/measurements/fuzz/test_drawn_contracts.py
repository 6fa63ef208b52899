"""No program of a user's ends in a failure of ours: a few of the drawn contracts, by number."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

from frostproof import LinenTrainer, OptaxFreeze, verify
from frostproof.properties.meta.measurements.fuzz.drawn_contracts import judge_contract
from frostproof.properties.meta.measurements.fuzz.drawn_linen_trainers import State
from frostproof.reference.subjects.signatures import UnusableSubject

#: Each ended in an exception once; beside them some that never did, from all kinds.
NUMBERS = (
    *(12, 47, 85, 103, 150, 193, 220, 291, 430, 480, 505, 652, 720, 914, 922, 2654, 2661, 5091),
    *range(20),
)


@pytest.mark.parametrize("number", sorted({*NUMBERS}))
def test_a_drawn_contract_meets_no_failure_of_ours(number):
    """It is refused, or gets verdicts."""
    judged = judge_contract(number)

    assert judged.found == []
    assert judged.outcome


def test_a_number_draws_the_same_contract_at_all_times():
    """So that a failure can be looked at by its number."""
    first, again = judge_contract(3), judge_contract(3)

    assert (first.kind, first.words, first.laws) == (again.kind, again.words, again.laws)


def _create(seed, batch, optimizer):
    params = {"w": jnp.ones((batch.x.shape[1], 1)), "b": jnp.zeros(1), "activation": jnp.tanh}
    return State(params, optimizer.init({"b": params["b"]}), None, None, optimizer)


def _step(state, batch):
    prediction = batch.x @ state.params["w"] + state.params["b"]
    grads = {"b": 2 * jnp.mean(prediction - batch.y, axis=0)}
    trained = {"b": state.params["b"]}
    updates, opt_state = state.tx.update(grads, state.opt_state, trained)
    params = state.params | optax.apply_updates(trained, updates)
    return state.replace(params=params, opt_state=opt_state), jnp.mean((prediction - batch.y) ** 2)


def trainer(**changes):
    """Return a trainer with a function among its frozen leaves."""
    return LinenTrainer(**{"create": _create, "train_step": _step, "frozen": ("w",)} | changes)


def test_a_function_among_frozen_leaves_is_no_leaf():
    """As the activation of an Equinox module is: the other frozen leaves are judged."""
    report = verify(
        trainer(frozen=lambda path: path != ("b",)), laws=["frozen-value"], max_examples=3, seed=0
    )

    assert [row.verdict for row in report.rows] == ["held"], report.rows[0].reason


def _raising(_):
    raise ValueError("no more files")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"promise": None}, "`promise` must be a collection of names, got None"),
        ({"promise": (3,)}, "`promise` must hold names, which are strings, got 3"),
        ({"steps": 3}, "`steps` must be numbers of steps, such as (1, 8), got 3"),
        ({"steps": ()}, "`steps` must be numbers of steps, such as (1, 8), got ()"),
        ({"batches": st.nothing()}, "`batches` is a strategy from which nothing can be drawn"),
        (
            {"batches": st.none().map(_raising)},
            "`batches` is a strategy that raises ValueError: no",
        ),
        ({"batches": st.just({0: np.ones(1), "a": np.ones(1)})}, "whose leaves JAX cannot list"),
        ({"optimizers": st.integers()}, "`optimizers` drew an int, expected an Optax optimizer"),
        ({"optimizers": st.none().map(_raising)}, "`optimizers` is a strategy that raises Value"),
        ({"optimizers": optax.sgd}, "`optimizers` must be 'common', 'all', Optimizers(…) or a"),
        ({"optimizers": "some"}, "`optimizers` must be 'common', 'all', Optimizers(…) or a"),
        ({"optimizers": "adam"}, "a Hypothesis strategy, got 'adam': write Optimizers('adam')"),
        ({"optimizers": "adamx"}, "'adamx'; did you mean adamax, adam, adamaxw? (`frostproof opt"),
        ({"optimizers": "comon"}, "'comon'; did you mean common"),
        ({"optimizers": ("adam", "sgd")}, "('adam', 'sgd'): write Optimizers('adam', 'sgd')"),
    ],
)
def test_a_keyword_that_cannot_be_used_is_refused(changes, words):
    """By its name, before anything runs."""
    with pytest.raises(UnusableSubject) as refused:
        verify(trainer(**changes), laws=["frozen-value"], max_examples=1)

    assert words in str(refused.value)


def test_a_set_of_promises_is_as_good_as_a_tuple():
    """A wrapper was looked up by all its fields, of which a set cannot be."""
    wrapper = OptaxFreeze(lambda optimizer, mask: optimizer, promise={"value"})

    assert verify(wrapper, laws=["training-runs"], max_examples=1).rows[0].verdict == "held"


def test_an_error_in_the_program_is_not_taken_for_a_wrong_frozen():
    """Though its message has the word in it: it is the law's to report, with the problem."""

    def create(seed, batch, optimizer):
        raise TypeError("the frozen encoder is missing")

    row = verify(trainer(create=create), laws=["training-runs"], max_examples=1).rows[0]

    assert row.verdict == "error"
    assert "`create` raised TypeError: the frozen encoder is missing" in row.reason


def test_a_rate_that_is_no_number_is_named():
    """The law cannot judge by it, and says whose fault that is."""
    subject = trainer(
        create=lambda *given: (made := _create(*given)).replace(average=made.params["b"]),
        copies={"average": ("params/b", lambda step: "half")},
    )

    row = verify(subject, laws=["copies-follow"], max_examples=1, seed=0).rows[0]

    assert row.verdict == "not-run"
    assert "the rate of `average` in `copies`" in row.reason
    assert "returned a str for step 1, expected a number" in row.reason


def _late(number):
    if number > 0.2:
        raise ValueError("no more files")
    return optax.sgd(0.1)


def test_a_strategy_that_raises_later_is_an_error_of_the_drawing():
    """Its simplest value was good; the verdict says what raised, and is not a failure of ours."""
    subject = trainer(optimizers=st.floats(0.1, 1).map(_late))

    row = verify(subject, laws=["frozen-value"], max_examples=5, seed=0).rows[0]

    assert row.verdict == "error"
    assert row.reason.startswith("drawing a problem raised ValueError: no more files")
