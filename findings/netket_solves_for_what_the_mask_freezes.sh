#!/usr/bin/env bash
# NetKet 3.23.0: parameters that an Optax mask freezes stay, and under `SR` the others go as if these moved
# along: not as beside constants, and here to a higher energy.
#
# Expected: a mask in the optimizer and `stop_gradient` in the model are two ways to freeze the same
# parameters. With plain gradients they are the same to the last digits, in NetKet as elsewhere.
#
# What happens: stochastic reconfiguration multiplies the gradient by the inverse of the quantum geometric
# tensor, over all parameters together (`AbstractLinearPreconditioner`, optimizer/preconditioner.py),
# before Optax sees it. The body's share of the answer is what the mask takes away afterwards; the head was
# told to move as it would with the body's help. With `stop_gradient` the body's rows of the tensor are 0
# and `diag_shift` is all there is: the system falls apart, and the head gets the natural gradient of the
# head. It is to the last digits that of a model whose body is no parameter at all.
#
# For a freeze: the same holds for each method that solves for all parameters, and nothing in the
# parameters shows it. Freeze in the model, not in the optimizer: by `stop_gradient`, or in a collection
# other than "params", which NetKet keeps as `model_state` and does not differentiate.

packages=(netket==3.23.0 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import flax.linen as nn
import jax
import jax.numpy as jnp
import netket as nk
import optax

hilbert = nk.hilbert.Spin(s=0.5, N=6)
hamiltonian = nk.operator.Ising(hilbert, nk.graph.Chain(6), h=1.0)
weights = nn.Dense(8, param_dtype=float).init(jax.random.key(0), jnp.ones((1, 6)))["params"]


class Model(nn.Module):
    body: str = "trains"

    @nn.compact
    def __call__(self, x):
        if self.body == "is a constant":
            features = nn.Dense(8).apply({"params": weights}, x)
        else:
            features = nn.Dense(8, param_dtype=float, name="body")(x)
        if self.body == "is behind stop_gradient":
            features = jax.lax.stop_gradient(features)
        return nn.Dense(1, param_dtype=float, name="head")(jnp.tanh(features))[..., 0]


def trained(body, preconditioner):
    optimizer = optax.sgd(0.05)
    if body == "is masked":
        labels = {"body": "frozen", "head": "trained"}
        optimizer = optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)
    state = nk.vqs.FullSumState(hilbert, Model(body), seed=1)
    start = {**state.parameters, "head": {"kernel": jnp.ones((8, 1)) / 8, "bias": jnp.zeros(1)}}
    if "body" in start:
        start["body"] = weights
    state.parameters = start
    driver = nk.driver.VMC(hamiltonian, optimizer, variational_state=state, preconditioner=preconditioner)
    driver.run(1, show_progress=False, out=None)
    first = jnp.linalg.norm(state.parameters["head"]["kernel"] - start["head"]["kernel"])
    driver.run(4, show_progress=False, out=None)
    kept = "body" not in start or bool(jnp.all(state.parameters["body"]["kernel"] == weights["kernel"]))
    energy = state.expect(hamiltonian).mean.real
    return f"body kept: {kept!s:6}first step of the head: {first:.4f}  energy after 5: {energy:.4f}"


for name, preconditioner in {
    "gradients": nk.optimizer.identity_preconditioner,
    "SR": nk.optimizer.SR(diag_shift=0.01),
}.items():
    print(name)
    for body in ("trains", "is masked", "is behind stop_gradient", "is a constant"):
        print(f"  body {body:24}{trained(body, preconditioner)}")
PYTHON
)

expected=$(cat <<'TEXT'
gradients
  body trains                  body kept: False first step of the head: 0.0601  energy after 5: -6.0412
  body is masked               body kept: True  first step of the head: 0.0601  energy after 5: -6.0231
  body is behind stop_gradient body kept: True  first step of the head: 0.0601  energy after 5: -6.0231
  body is a constant           body kept: True  first step of the head: 0.0601  energy after 5: -6.0231
SR
  body trains                  body kept: False first step of the head: 0.1721  energy after 5: -6.7651
  body is masked               body kept: True  first step of the head: 0.1721  energy after 5: -6.0970
  body is behind stop_gradient body kept: True  first step of the head: 0.2108  energy after 5: -6.1692
  body is a constant           body kept: True  first step of the head: 0.2108  energy after 5: -6.1692
TEXT
)

. "$(dirname "$0")/judge.bash"
