#!/usr/bin/env bash
# NumPyro 0.22.0: a Flax network that is hidden from SVI by `block` is another random network in every
# step, and one that is set by `substitute` is trained.
#
# Expected: a parameter that `block` hides from SVI is not handed to the optimizer, and so stays what it
# is. A parameter for which `substitute` puts a value in has that value.
#
# What happens: a parameter of NumPyro is kept nowhere but in the state of SVI. Hidden from it, the
# parameter is made again in every run of the model: `flax_module` draws it from the key of that step,
# as `numpyro.param` does with an initial value that is a function. `nnx_module` is handed a network that
# is there already, and stays. `substitute` is no help alone. SVI finds the parameter, takes the value as
# the start, and substitutes its own from then on, further out, which wins.
#
# For a freeze: the rest fits noise that changes in each step, and nothing says so: the frozen network is
# no parameter of the result. Only both together freeze, the one outside the other:
# `block(substitute(model, data=…), hide=[…])`.

packages=(numpyro==0.22.0 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import optax
from flax import linen as nn
from flax import nnx
from numpyro.contrib.module import flax_module, nnx_module
from numpyro.handlers import block, seed, substitute, trace
from numpyro.infer import SVI, Trace_ELBO

inputs = jax.random.normal(jax.random.key(0), (8, 3))
targets = jnp.sin(inputs[:, 0])
seen = []


def linen():
    return flax_module("body", nn.Dense(4), input_shape=(3,))


def nnx_network():
    return nnx_module("body", nnx.Linear(3, 4, rngs=nnx.Rngs(0)))


def model(body):
    features = body()(inputs)
    jax.debug.callback(seen.append, features)
    slope = numpyro.param("slope", jnp.ones(4))
    numpyro.sample("targets", dist.Normal(features @ slope, 1.0), obs=targets)


def guide(body):
    pass


def told(frozen, body):
    svi = SVI(frozen, guide, optax.sgd(0.01), Trace_ELBO())
    state = svi.init(jax.random.key(1), body)
    jax.effects_barrier()
    seen.clear()
    for _ in range(3):
        state, _ = svi.update(state, body)
    jax.effects_barrier()
    different = len({features.tobytes() for features in seen})
    return f"parameters {sorted(svi.get_params(state))}, networks in 3 steps: {different}"


for name, body in {"Linen": linen, "NNX": nnx_network}.items():
    start = trace(seed(body, 0)).get_trace()["body$params"]["value"]
    fixed = substitute(model, data={"body$params": start})
    print(f"{name}, not frozen: {told(model, body)}")
    print(f"{name}, block: {told(block(model, hide=['body$params']), body)}")
    print(f"{name}, substitute: {told(fixed, body)}")
    print(f"{name}, block of substitute: {told(block(fixed, hide=['body$params']), body)}")
PYTHON
)

expected=$(cat <<'TEXT'
Linen, not frozen: parameters ['body$params', 'slope'], networks in 3 steps: 3
Linen, block: parameters ['slope'], networks in 3 steps: 3
Linen, substitute: parameters ['body$params', 'slope'], networks in 3 steps: 3
Linen, block of substitute: parameters ['slope'], networks in 3 steps: 1
NNX, not frozen: parameters ['body$params', 'slope'], networks in 3 steps: 3
NNX, block: parameters ['slope'], networks in 3 steps: 1
NNX, substitute: parameters ['body$params', 'slope'], networks in 3 steps: 3
NNX, block of substitute: parameters ['slope'], networks in 3 steps: 1
TEXT
)

. "$(dirname "$0")/judge.bash"
