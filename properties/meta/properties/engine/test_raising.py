"""Where a subject raises under some optimizers, they are named, and the others have verdicts."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.core import FrozenDict
from flax.training.train_state import TrainState
from hypothesis import strategies as st

from frostproof import LinenTrainer, NnxTrainer, OptaxFreeze, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.engine.raising import PATIENCE, ByOptimizer, judged_without
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.wrappers.optax_features import only_where_it_runs
from frostproof.reference.corpus.specimens.wrappers.transformations import (
    no_moments,
)
from frostproof.reference.problems.batches import Batch

FEW = Optimizers("sgd", "momentum", "adam")
RAISES = "see training-runs"


def judged(law, subject, examples=30):
    return judge(BY_ID[law], subject, Effort(examples, 0), CallCache(), "own")


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves", "repeatable"])
def test_what_runs_has_its_verdicts(law):
    """The law holds, by as many examples as anywhere, and says what it is not about."""
    verdict = judged(law, OptaxFreeze(no_moments, optimizers=FEW))

    assert verdict.outcome == "held"
    assert verdict.examples > 20
    assert verdict.reason == f"not judged under sgd, where each example raised: {RAISES}"


def test_what_raises_is_named():
    """The law about it names all that raise, and what runs."""
    verdict = judged("training-runs", OptaxFreeze(no_moments, optimizers=FEW))

    assert verdict.outcome == "error"
    assert verdict.counterexample.cause == "it raises under sgd; it runs under momentum, adam"


def test_what_always_raises_has_no_verdict():
    """Nothing is held where nothing ran, and no optimizer is to blame."""

    def freeze(optimizer, mask):
        raise RuntimeError("not today")

    subject = OptaxFreeze(freeze, optimizers=FEW)

    silent = judged("frozen-value", subject)

    assert silent.outcome == "not-run"
    assert silent.reason == f"{RAISES}: the wrapper raised RuntimeError: not today"
    assert judged("training-runs", subject).counterexample.cause is None


def test_what_raises_where_nothing_trains_is_told_so():
    """`optax.flatten` joins no arrays; masks and labels are right."""

    def freeze(optimizer, mask):
        labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
        parts = {"frozen": optax.set_to_zero(), "trained": optax.flatten(optimizer)}
        return optax.partition(parts, labels)

    verdict = judged("training-runs", OptaxFreeze(freeze, optimizers=FEW))

    assert verdict.outcome == "error"
    assert verdict.counterexample.cause == (
        "it raises where all leaves are frozen, and runs where one trains"
    )


def classifying(seed, batch, optimizer):
    params = {"w": jnp.ones((batch.x.shape[1], 3))}
    return TrainState.create(apply_fn=None, params=params, tx=optimizer)


def classify(state, batch):
    def loss(params):
        logits = batch.x @ params["w"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.y[:, 0]).mean()

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


def test_a_program_of_other_inputs_is_told_what_it_was_given():
    """Under each optimizer it raises at its first step, on a batch that is drawn for regression."""
    classifier = LinenTrainer(classifying, classify, frozen=(), optimizers=FEW)

    cause = judged("training-runs", classifier, 3).counterexample.cause

    given = "it raises under each optimizer, on a batch of x float32[2, 3] and y float32[2, 1]: "
    assert cause.startswith(given)
    assert cause.endswith("needs `batches=`")


def test_where_an_optimizer_gets_other_leaves_no_batch_is_to_blame():
    """As where the gradients are of what an adapter adds, and the optimizer of all parameters."""

    def create(seed, batch, optimizer):
        model = nnx.LoRALinear(batch.x.shape[1], 1, lora_rank=1, rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)

    def step(model, optimizer, batch):
        def loss(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        trained = nnx.DiffState(0, nnx.LoRAParam)
        value, grads = nnx.value_and_grad(loss, argnums=trained)(model)
        optimizer.update(model, grads)
        return value

    mismatched = NnxTrainer(create, step, frozen=("kernel", "bias"), optimizers=FEW)

    cause = judged("training-runs", mismatched, 3).counterexample.cause

    assert cause.startswith("it raises under each optimizer, where the optimizer is at work: ")


def by_path(path, leaf):
    """Label one leaf by its path."""
    return "trained" if "head" in jax.tree_util.keystr(path) else "frozen"


def in_two_parts(optimizer):
    """Partition by labels of each leaf, where Optax asks for those of a tree."""
    return optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, by_path)


@pytest.mark.parametrize(
    "wrap", [in_two_parts, lambda optimizer: optax.masked(optimizer, lambda path, leaf: True)]
)
def test_a_function_of_labels_that_optax_calls_with_the_tree_is_told_so(wrap):
    """As in two public repositories: a label by path and leaf, given to `multi_transform`."""

    def create(seed, batch, optimizer):
        params = {"body": jnp.ones(1), "head": jnp.ones(1)}
        return TrainState.create(apply_fn=None, params=params, tx=wrap(optimizer))

    trainer = LinenTrainer(create, classify, frozen=("body",), optimizers=FEW)

    cause = judged("training-runs", trainer, 3).counterexample.cause

    assert "Optax calls a function of labels or of a mask, which gets the tree of" in cause


def test_a_program_that_names_its_batches_is_not_told_of_them():
    """Nor one that has done a step: then it is not a matter of the batch."""
    own = LinenTrainer(
        classifying,
        classify,
        frozen=(),
        optimizers=FEW,
        batches=st.just(Batch(np.ones((2, 3)), np.ones((2, 1)))),
    )
    later = replace(own, batches=None, train_step=twice_is_once_too_often())

    for trainer in (own, later):
        assert judged("training-runs", trainer, 20).counterexample.cause is None


@pytest.mark.parametrize("error", [SystemExit, FileNotFoundError, RecursionError])
def test_what_no_batch_is_to_blame_for_is_not_told_of_batches(error):
    """Other inputs would end alike."""

    def step(state, batch):
        raise error("weights.npz")

    trainer = LinenTrainer(classifying, step, frozen=(), optimizers=FEW)

    assert judged("training-runs", trainer, 3).counterexample.cause is None


def twice_is_once_too_often():
    """A step that trains at zero steps, and raises at one."""

    def step(state, batch):
        if state.step:
            raise RuntimeError("trained before")
        grads = jax.tree.map(jnp.ones_like, state.params)
        return state.apply_gradients(grads=grads), 0.0

    return step


@pytest.mark.parametrize(
    ("mask", "containers"),
    [
        (FrozenDict, "one has a `FrozenDict` where the other has a `dict`"),
        (nnx.State, "one has a `State` where the other has a `dict`"),
        (lambda mask: mask | {"backbone": [False]}, "has a `list` where the other has an array"),
        (lambda mask: mask | {"backbone": None}, "one has None where the other has an array"),
    ],
    ids=["FrozenDict", "State", "list", "None"],
)
def test_a_mask_in_another_container_is_told_so(mask, containers):
    """The leaves are the same: a mask of `flax.core.freeze` is not one of a plain dict."""

    def create(seed, batch, optimizer):
        params = {"backbone": jnp.ones((3, 1)), "head": jnp.ones(1)}
        tx = optax.masked(optimizer, mask({"backbone": False, "head": True}))
        return TrainState.create(apply_fn=None, params=params, tx=tx)

    trainer = LinenTrainer(create, lambda state, batch: (state, 0.0), frozen=("backbone",))

    cause = judged("training-runs", trainer, examples=5).counterexample.cause

    assert containers in cause
    assert "other leaves" not in cause


def test_a_promise_of_what_runs_is_enough():
    """A program that names the optimizers it is for raises nowhere."""
    verdict = judged("frozen-value", only_where_it_runs)

    assert (verdict.outcome, verdict.examples, verdict.reason) == ("held", 30, None)


def test_an_optimizer_that_ran_once_is_not_left_out():
    """What raises by chance, or for a shape, stays in the count of inconclusive examples."""

    class Problem:
        def __init__(self, name):
            self.optimizer = type("Row", (), {"name": name, "inner": None})

    seen = ByOptimizer()
    for name in ("sgd", "adam"):
        for _ in range(PATIENCE):
            seen.note(Problem(name), finished=False)
    assert not seen.raising  # under none it ran: the optimizer is not to blame

    seen.note(Problem("adam"), finished=True)
    assert seen.raising == {"sgd": PATIENCE}
    assert (seen.gives_up(Problem("sgd")), seen.gives_up(Problem("adam"))) == (True, False)


def test_what_raises_by_itself_is_named_once():
    """Behind clipping it raises, too; what raises there alone is named so."""
    raising = ["adam", "adam in clip", "lion in clip"]

    assert judged_without(raising).startswith("not judged under adam, lion in clip, where")
    assert judged_without([]) is None
