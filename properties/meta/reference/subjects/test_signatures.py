"""A wrong signature is answered with the right one, and what a subject lacks with its keyword."""

import functools
import operator
import re

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

from frostproof import Exercise, LinenTrainer, NnxTrainer, OptaxFreeze, verify
from frostproof.reference.corpus.specimens.hostile.hostile_trainers import create, train_step
from frostproof.reference.subjects.loading import as_subject
from frostproof.reference.subjects.signatures import UnusableSubject

LINEN = {"create": create, "train_step": train_step, "frozen": ("backbone",)}


def build(seed, batch, optimizer):
    model = nnx.Linear(batch.x.shape[1], 1, rngs=nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)


def step(model, optimizer, batch):
    loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(batch.x) - batch.y) ** 2))(model)
    grads["bias"][...] *= 0
    optimizer.update(model, grads)
    return loss


NNX = {"create": build, "train_step": step, "frozen": ("bias",)}


KEYWORDS = ("`loss=`", "`loss='mse'`", "`predict=`", "`refreeze=`", "`model_state=`")


def linen(**changes):
    return LinenTrainer(**(LINEN | changes))


def nnx_trainer(**changes):
    return NnxTrainer(**(NNX | changes))


def two(a, b):
    return a


def none():
    return None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Exercise(two), "an exercise is called as fn(seed, x, y, lr): two(a, b) does not"),
        (lambda: Exercise(two), "take four positional arguments (too many positional arguments)"),
        (lambda: OptaxFreeze(none), "called as fn(optimizer, mask): none() does not take two"),
        (lambda: OptaxFreeze(optax.sgd(0.1)), "is not a function"),
        (lambda: linen(create=two), "`create` is called as create(seed, batch, optimizer): two(a"),
        (lambda: linen(train_step=step), "`train_step` is called as train_step(state, batch): st"),
        (
            lambda: linen(train_step=None),
            "is called as train_step(state, batch): None is not a func",
        ),
        (
            lambda: linen(predict="mse"),
            "`predict` is called as predict(state, x): 'mse' is not a fu",
        ),
        # Python says since 3.12 that the argument is keyword-only.
        (lambda: linen(predict=lambda s, x, *, t: x), "argument: 't')"),
        (lambda: linen(params=two), "`params` is called as params(state): two(a, b) does not take"),
        (lambda: linen(params=two), "take one positional argument (missing a required argument:"),
        (lambda: linen(with_params=none), "is called as with_params(state, params): none() does"),
        (lambda: linen(opt_state=two), "`opt_state` is called as opt_state(state): "),
        (lambda: linen(model_state=none), "`model_state` is called as model_state(state): "),
        (lambda: linen(refreeze=none), "`refreeze` is called as refreeze(state, frozen): "),
        (lambda: linen(loss=none), "`loss` is called as loss(prediction, y): none() does not"),
        (lambda: linen(loss="mae"), "`loss` must be 'mse' or a NumPy callable, got 'mae'"),
        (lambda: linen(promise="value"), "`promise` must be a collection of names, got 'value': "),
        (lambda: linen(frozen="backbone"), "`frozen` must be a collection of path prefixes"),
        (lambda: linen(frozen={1: ("l1",), 5: ()}), "write a function of the step, such as"),
        (lambda: nnx_trainer(create=two), "is called as create(seed, batch, optimizer): two(a, b)"),
        (lambda: nnx_trainer(train_step=two), "is called as train_step(model, optimizer, batch):"),
        (lambda: nnx_trainer(predict=none), "`predict` is called as predict(model, x): none()"),
        (lambda: nnx_trainer(opt_state=two), "`opt_state` is called as opt_state(optimizer): "),
        (lambda: nnx_trainer(refreeze=none), "refreeze(model, frozen) or refreeze(model, optimiz"),
        (
            lambda: linen(create=lambda batch, seed, optimizer: None),
            "create(seed, batch, optimizer), by position: <lambda>(batch, seed, optimizer) has ano",
        ),
        (
            lambda: nnx_trainer(train_step=lambda optimizer, model, batch: None),
            "train_step(model, optimizer, batch), by position: <lambda>(optimizer, model, batch) h",
        ),
        (
            lambda: linen(optimiser="all"),
            "`LinenTrainer` has no argument `optimiser` (did you mean `optimizers` or `promise`?)",
        ),
        (
            lambda: nnx_trainer(freeze=("bias",)),
            "`NnxTrainer` has no argument `freeze` (did you mean `refreeze` or `frozen`?): it tak",
        ),
        (lambda: as_subject(LinenTrainer), "got the class LinenTrainer"),
        (
            lambda: as_subject(step),
            "step(model, optimizer, batch) is not of a known kind: an exercise",
        ),
        (lambda: as_subject(step), "for a trainer name a frostproof.LinenTrainer(create, train_s"),
        (lambda: as_subject(step, "optax"), "called as fn(optimizer, mask): step(model, optimize"),
        (lambda: as_subject(train_step, "trainer"), "name a frostproof.LinenTrainer(create, trai"),
    ],
)
def test_a_wrong_signature_is_answered_with_the_right_one(make, words):
    """Which function, how it is called, its own signature, and what is the matter with it."""
    with pytest.raises(UnusableSubject) as refused:
        make()

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_right_signatures():
    """Compiled, partial and variadic functions; objects of C that hide theirs; alternatives."""
    linen(predict=jax.jit(lambda state, x: x), opt_state=operator.attrgetter("opt_state"))
    linen(predict=functools.partial(lambda train, state, x: x, False), params=lambda *all: all[0])
    nnx_trainer(refreeze=lambda model, optimizer, frozen: None, predict=nnx.jit(lambda m, x: m(x)))
    nnx_trainer(refreeze=lambda model, frozen: None)
    linen(create=lambda batch, number, optimizer: None)  # whatever is meant by other names
    OptaxFreeze(lambda optimizer, mask, verbose=False: optimizer)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (linen(train_step=lambda s, b: train_step(s, b)[::-1]), "expected (state, loss)"),
        (linen(train_step=lambda s, b: s), ") returned State, expected (state, loss)"),
        (linen(with_params=lambda s, p: None), "`with_params` returned None, expected a state"),
        (linen(create=lambda *_: 1), "returned int, without `.params`: return a state"),
        (
            nnx_trainer(create=lambda *a: build(*a)[0]),
            "returned Linear, expected (model, optimizer)",
        ),
        (
            nnx_trainer(create=lambda *a: build(*a)[::-1]),
            "returned (Optimizer, Linear), expected (model, optimizer)",
        ),
    ],
    ids=["swapped", "state alone", "with_params", "no state", "model alone", "swapped in NNX"],
)
def test_a_wrong_answer_is_answered_with_the_right_one(subject, words):
    """In the verdict of `training-runs`, or before anything runs; and no line is ours."""
    laws = ["training-runs", "frozen-special-weights"]

    try:
        found = verify(subject, laws=laws, max_examples=2, seed=0)
        reasons = " ".join(row.reason or "" for row in found.rows)
    except UnusableSubject as refused:
        reasons = str(refused)

    assert words in reasons
    assert not re.search(r"\((?!test_signatures)\w+\.py, line", reasons)


def test_what_is_lacking_is_named_by_its_keyword():
    """Laws that cannot be judged are rows that say which keyword would enable them."""
    laws = ["loss-is-mse", "loss-row-order", "lifecycle", "frozen-layer-state", "frozen-value"]
    predicting = linen(predict=lambda state, x: x @ state.params["backbone"])

    lacking = verify(linen(), laws=laws, max_examples=2, seed=0)
    lacking_less = verify(predicting, laws=laws, max_examples=2, seed=0)

    reasons = [
        {row.law: row.reason for row in report.rows if row.verdict == "not-run"}
        for report in (lacking, lacking_less)
    ]
    keyword = {law: [word for word in KEYWORDS if word in text] for law, text in reasons[0].items()}
    assert keyword == {
        "loss-is-mse": ["`loss=`", "`predict=`"],
        "loss-row-order": ["`loss=`", "`predict=`"],
        "lifecycle": ["`refreeze=`"],
        "frozen-layer-state": ["`model_state=`"],
    }
    assert "`predict=`" not in reasons[1]["loss-is-mse"]
    assert "`loss=`" in reasons[1]["loss-is-mse"]
