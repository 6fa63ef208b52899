#!/usr/bin/env bash
# Penzai 0.2.5: `StatefulTrainer` freezes under sgd, and raises under every optimizer with moments.
#
# Expected: a parameter whose metadata says `trainable: False` is left out of `StatefulTrainer.step`,
# whatever the optimizer. The step divides the parameters by this flag.
#
# What happens: `build` makes the optimizer's state of all parameters, and `step` updates it by the
# gradients of the trainable ones, as tuples: two lengths, which differ as soon as one is frozen. Plain
# sgd has no state, so a first test with sgd passes, and the same model fails with adam.
#
# For a freeze: build the trainer of a model from which the frozen parameters are taken out with
# `pz.freeze_params`, so that they are constants and no variables.

packages=(penzai==0.2.5 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from penzai import pz
from penzai.models import simple_mlp
from penzai.toolshed.basic_training import StatefulTrainer


def loss(*, model, state, rng, x):
    del rng
    return jnp.mean(model(x).unwrap("features") ** 2), state, {}


def train(name, freeze):
    model = simple_mlp.MLP.from_config(
        name="mlp", init_base_rng=jax.random.key(0), feature_sizes=[3, 4, 1]
    )
    _, params = pz.unbind_params(model)
    if freeze:
        params[0].metadata["trainable"] = False
    optimizer = getattr(optax, name)(0.1)
    trainer = StatefulTrainer.build(jax.random.key(0), model, optimizer, loss)
    try:
        trainer.step(x=pz.nx.wrap(jnp.ones(3), "features"))
    except ValueError as error:
        return f"ValueError, {str(error).splitlines()[0]}"
    return "trains"


for name in ("sgd", "adam", "rmsprop", "adamw"):
    print(f"{name}: nothing frozen: {train(name, False)}; one of 4 frozen: {train(name, True)}")
PYTHON
)

expected=$(cat <<'TEXT'
sgd: nothing frozen: trains; one of 4 frozen: trains
adam: nothing frozen: trains; one of 4 frozen: ValueError, pytree structure error: different lengths of tuple at key path
rmsprop: nothing frozen: trains; one of 4 frozen: ValueError, pytree structure error: different lengths of tuple at key path
adamw: nothing frozen: trains; one of 4 frozen: ValueError, pytree structure error: different lengths of tuple at key path
TEXT
)

. "$(dirname "$0")/judge.bash"
