"""The stand-alone script of a trainer or wrapper fails by itself, and passes on mended code."""

import sys

import pytest
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.scripts import training_prelude
from frostproof.reference.pytrees.paths import normalise, path_text
from frostproof.reference.subjects.loading import load

WRAPPER = """
import jax
import optax


def fn(optimizer, mask):
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
    parts = {"frozen": optax.set_to_zero(), "trained": optimizer}
    made = optax.multi_transform(parts, labels)
    # FAULT
    return made
"""

TRAINER = """
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

import frostproof
from frostproof.strategies.optimizers import named

model = nn.Sequential([nn.Dense(3), nn.relu, nn.Dense(1)])


def create(seed, batch, optimizer):
    params = model.init(jax.random.key(seed), batch.x)["params"]
    return TrainState.create(apply_fn=model.apply, params=params, tx=optimizer)


def predict(state, x):
    return state.apply_fn({"params": state.params}, x)


@jax.jit
def train_step(state, batch):
    def loss_of(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    loss, grads = jax.value_and_grad(loss_of)(state.params)
    # FAULT
    grads = grads | {"layers_0": jax.tree.map(jnp.zeros_like, grads["layers_0"])}
    # LATE
    return state.apply_gradients(grads=grads), loss


fn = frostproof.LinenTrainer(
    create, train_step, frozen=("layers_0",), predict=predict, loss="mse",
    optimizers=named("sgd", "momentum"),
)
"""

WRAPPERS = {
    "frozen-value": "made = optax.masked(optimizer, jax.tree.map(lambda f: not f, mask))",
    "frozen-optimizer-state": "made = optax.chain(optimizer, optax.freeze(mask))",
    "trains-as-if-alone": "made = optax.chain(made, optax.scale(2.0))",
    "frozen-gradients-do-not-leak": "made = optax.chain(optax.clip_by_global_norm(1.0), made)",
    "zero-gradient-is-identity": "made = optax.chain(made, optax.add_decayed_weights(0.1))",
}
TRAINERS = {
    "frozen-norm": ("", "grads = jax.tree.map(jnp.ones_like, grads)"),
    "frozen-value": ("", "grads['layers_0']['bias'] = jnp.ones(3)"),
    "trainable-moves": ("", "grads = jax.tree.map(jnp.zeros_like, grads)"),
    "frozen-gradients-do-not-leak": (
        "grads = jax.tree.map(lambda g: g / optax.global_norm(grads), grads)",
        "",
    ),
    "loss-is-mse": ("loss = 2 * loss", ""),
    "loss-repeated-rows": ("loss = loss * len(batch.x)", ""),
    "zero-rate-is-identity": (
        "",
        "state = state.replace(params=jax.tree.map(lambda p: 2 * p, state.params))",
    ),
}


def write(tmp_path, source, fault="", late=""):
    path = tmp_path / "subject_of_a_script.py"
    path.write_text(source.replace("# FAULT", fault).replace("# LATE", late))
    return path


def refuted(path, law):
    sys.modules.pop(path.stem, None)  # another one of this name, from another test
    target = f"{path}:fn"
    subject = load(target)
    verdict = judge(BY_ID[law], subject, Effort(40, seed=0, shrinking=2), CallCache(), target)
    assert verdict.outcome == "refuted", verdict
    script = path.parent / "script.py"
    script.write_text(verdict.reproduce)
    return script


@pytest.mark.parametrize("law", WRAPPERS)
def test_the_script_of_a_wrapper(law, tmp_path, run):
    """It fails by its assertion; it passes when the wrapper is mended."""
    path = write(tmp_path, WRAPPER, WRAPPERS[law])
    script = refuted(path, law)

    assert "AssertionError" in run(script)

    write(tmp_path, WRAPPER)
    assert run(script) == ""


@pytest.mark.parametrize("law", TRAINERS)
def test_the_script_of_a_trainer(law, tmp_path, run):
    """It fails by its assertion, and passes when the trainer is mended."""
    script = refuted(write(tmp_path, TRAINER, *TRAINERS[law]), law)

    assert "AssertionError" in run(script)

    write(tmp_path, TRAINER)
    assert run(script) == ""


@pytest.mark.parametrize(("rate", "how"), [("0.1", "only decays"), ("1e-7", "hardly moves")])
def test_the_script_of_a_leaf_that_only_decays(rate, how, tmp_path, run):
    """It asks whether the leaf is multiplied by a number, and not whether it moves."""
    source = TRAINER.replace("nn.Dense(1)", "nn.Dense(1, use_bias=False)")
    penalty = f"grads = jax.tree.map(lambda p: {rate} * p, state.params)"
    script = refuted(write(tmp_path, source, penalty), "trainable-moves")

    assert f"layers_2/kernel: trainable leaf {how}, as here in 1 step" in run(script)

    write(tmp_path, source)
    assert run(script) == ""


@pytest.mark.parametrize(
    ("answer", "law"),
    [
        ("None", "frozen-value"),
        ("{'mse': loss}", "frozen-value"),
        ("loss[None]", "frozen-value"),
        ("2 * loss[None]", "loss-is-mse"),
        ("{'mse': loss}", "loss-is-mse"),
    ],
)
def test_the_script_of_a_trainer_with_another_answer(answer, law, tmp_path, run):
    """It fails by its assertion, too, where the loss is not a number, or one in a shape."""
    source = TRAINER.replace("grads=grads), loss", f"grads=grads), {answer}")
    fault = TRAINERS["frozen-value"] if law == "frozen-value" else ()
    script = refuted(write(tmp_path, source, *fault), law)

    assert "AssertionError" in run(script)

    write(tmp_path, TRAINER)
    assert run(script) == ""


def test_the_script_of_a_statistic(tmp_path, run):
    """State that is frozen by name, and is not a parameter, is recorded as well."""
    frozen = 'frozen=("layers_0", "seen"), model_state=lambda s: {"seen": jnp.asarray(s.step)}'
    source = TRAINER.replace('frozen=("layers_0",)', frozen)
    script = refuted(write(tmp_path, source), "frozen-value")

    assert "seen: frozen statistic changed at step 1: 0 → 1" in run(script)

    mended = source.replace("grads=grads)", "grads=grads).replace(step=state.step)")
    write(tmp_path, mended)
    assert run(script) == ""


@pytest.mark.parametrize(
    "keys",
    [
        (DictKey("head"), GetAttrKey("value")),
        (DictKey("head"), DictKey("value")),
        (DictKey(("enc", "kernel")), SequenceKey(1)),
    ],
    ids=["a variable", "a parameter of that name", "a tuple"],
)
def test_a_script_names_leaves_as_laws_do(keys):
    """Else it asks for a leaf that it does not have."""
    assert training_prelude.name(keys) == path_text(normalise(keys))
