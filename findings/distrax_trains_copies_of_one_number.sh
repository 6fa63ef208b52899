#!/usr/bin/env bash
# Distrax 0.1.9: a distribution or bijector that is trained as the pytree it is trains copies of its numbers
# apart: `loc`, `mean()` and a frozen `scale` stay to the bit, while the density goes on without them.
#
# Expected: all objects of Distrax are pytrees, so that `jax.grad` and Optax work on them as on a dict. The
# leaves of `MultivariateNormalDiag(loc, scale_diag)` are these two, those of `ScalarAffine(shift, scale)`
# likewise, and what is frozen of them is constant in the density.
#
# What happens: `Jittable.tree_flatten` (_src/utils/jittable.py) makes a leaf of every array that the object
# holds as an attribute, and constructors hold what they derive, too. `ScalarAffine` has `_scale`,
# `_inv_scale` and `_log_scale`: `forward` uses the first, `inverse` the second, the determinant the third.
# Unflattening calls no constructor, so that after a step they no longer fit together: `log_prob` asks for
# the latter two alone, and the loss falls below every bound by a `_log_scale` that nothing holds back.
# `MultivariateNormalDiag` holds 13 arrays for its two. `log_prob` and `sample` go by some of them, `mean()`,
# `stddev()` and `mode()` by others, which have no gradient; and what trains as its scale is one number, of
# the standard normal inside, for all axes. `Normal`, `Gamma` and `Categorical` have no such copies.
#
# For a freeze: a leaf chosen by its attribute is frozen, and the number in the density is not; and a test
# that looks at attributes finds frozen what trained. Train a dict of arrays, and make the distribution of it
# within the loss, by its constructor.

packages=(distrax==0.1.9 tfp-nightly==0.26.0.dev20261027 chex==0.1.92 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import distrax
import jax
import jax.numpy as jnp
import numpy as np
import optax

data = 3 + jnp.array([1.0, 4.0]) * jax.random.normal(jax.random.key(0), (1000, 2))
data = data - data.mean(0) + 3


def train(start, build=lambda params: params, frozen=lambda leaf: False, steps=400):
    """The parameters, fitted to the data by Adam, and their loss."""
    tx = optax.adam(0.05)
    keep = jax.tree.map(lambda leaf: jnp.array(0.0 if frozen(leaf) else 1.0), start)

    def loss(params):
        return -jnp.mean(build(params).log_prob(data))

    @jax.jit
    def step(params, state):
        grads = jax.tree.map(jnp.multiply, jax.grad(loss)(params), keep)
        updates, state = tx.update(grads, state)
        return optax.apply_updates(params, updates), state

    params, state = start, tx.init(start)
    for _ in range(steps):
        params, state = step(params, state)
    return params, loss(params)


def whole(numbers):
    return [round(float(number)) for number in numbers]


print("leaves:", ", ".join(f"{type(one).__name__} {len(jax.tree.leaves(one))}" for one in (
    distrax.Normal(0.0, 1.0), distrax.Gamma(1.0, 1.0), distrax.Beta(1.0, 1.0),
    distrax.LogStddevNormal(0.0, 0.0), distrax.ScalarAffine(jnp.zeros(2), jnp.ones(2)),
    distrax.MultivariateNormalDiag(jnp.zeros(2), jnp.ones(2)))))

start = distrax.MultivariateNormalDiag(jnp.zeros(2), jnp.ones(2))
end, loss = train(start)
samples = end.sample(seed=jax.random.key(1), sample_shape=(10000,))
print("MultivariateNormalDiag, trained on numbers of mean 3, 3 and deviation 1, 4")
print("  loc and scale_diag stay to the bit:",
      bool((end.loc == start.loc).all() and (end.scale_diag == start.scale_diag).all()))
print("  mean()", whole(end.mean()), "mode()", whole(end.mode()), "stddev()", whole(end.stddev()))
print("  samples: mean", whole(samples.mean(0)), "deviation", whole(samples.std(0)))

params, right = train(
    {"loc": jnp.zeros(2), "log_scale": jnp.zeros(2)},
    lambda p: distrax.MultivariateNormalDiag(p["loc"], jnp.exp(p["log_scale"])),
)
print("made of a dict within the loss")
print("  mean", whole(params["loc"]), "deviation", whole(jnp.exp(params["log_scale"])),
      "and a lower loss:", bool(right < loss - 0.1))

normal = distrax.Independent(distrax.Normal(jnp.zeros(2), jnp.ones(2)), 1)
affine = distrax.ScalarAffine(jnp.zeros(2), jnp.ones(2))


def flow(affine):
    return distrax.Transformed(normal, distrax.Block(affine, 1))


for what, frozen in (("all trains", lambda leaf: False), ("scale frozen", lambda leaf: leaf is affine.scale)):
    end, loss = train(affine, flow, frozen)
    print(f"ScalarAffine around a normal, {what}")
    print("  scale", whole(end.scale), "log_scale", whole(end.log_scale), "loss", round(float(loss)))
    there = end.inverse(end.forward(jnp.array([1.0, 2.0])))
    print("  inverse(forward(x)) is x:", bool(np.allclose(there, [1.0, 2.0], atol=0.1)))

params, loss = train({"shift": jnp.zeros(2)}, lambda p: flow(distrax.ScalarAffine(p["shift"], affine.scale)))
print("made of a dict within the loss, scale frozen")
print("  shift", whole(params["shift"]), "loss", round(float(loss)))
PYTHON
)

expected=$(cat <<'TEXT'
leaves: Normal 2, Gamma 2, Beta 3, LogStddevNormal 3, ScalarAffine 4, MultivariateNormalDiag 13
MultivariateNormalDiag, trained on numbers of mean 3, 3 and deviation 1, 4
  loc and scale_diag stay to the bit: True
  mean() [0, 0] mode() [0, 0] stddev() [1, 1]
  samples: mean [3, 3] deviation [3, 3]
made of a dict within the loss
  mean [3, 3] deviation [1, 4] and a lower loss: True
ScalarAffine around a normal, all trains
  scale [1, 1] log_scale [-20, -20] loss -38
  inverse(forward(x)) is x: False
ScalarAffine around a normal, scale frozen
  scale [1, 1] log_scale [-20, -20] loss -38
  inverse(forward(x)) is x: False
made of a dict within the loss, scale frozen
  shift [3, 3] loss 11
TEXT
)

. "$(dirname "$0")/judge.bash"
