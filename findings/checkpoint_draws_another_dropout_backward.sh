#!/usr/bin/env bash
# JAX 0.10.2: what a block under `jax.checkpoint` keeps in a ref is written twice where the block trains
# and once where it is frozen; a Dropout that counts in a ref has another mask in the backward pass.
#
# Expected: `jax.checkpoint` saves memory and changes no result. That the block runs again for the gradient
# concerns nothing outside: the pull request that let remat meet refs from outside (jax-ml/jax 33050) says
# that effects happen the first time only, and its example is to leave 2.0 in the ref, not 3.0.
#
# What happens: it leaves 3.0. `remat_partial_eval` (jax/_src/ad_checkpoint.py) divides the block into what
# runs at once and what runs again; the policy decides on each operation, and the default saves nothing,
# reads and writes of refs included. The second run reads what the first one wrote, and writes once more.
# So a running mean goes two ways at once, and a count of random numbers has moved on: the gradient is that
# of no mask at all, half of one and half of another. Nothing raises. `everything_saveable` is right, and
# saves no memory. A frozen block has nothing to run again for, and is right, too.
#
# For a freeze: the statistics of the same block keep another pace when it is frozen than when it trains.
# NNX makes such refs where it is asked to (`nnx.var_defaults(ref=True)`). Hand the state in and out of a
# block under `checkpoint`, or let refs be written outside of it; `nnx.remat` does so for common Variables.

packages=(flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
from flax import nnx

inputs = jax.random.normal(jax.random.key(0), (64, 8))
params = {"body": jnp.eye(8), "head": jnp.ones(8)}


def dropout(features, draw):
    key = jax.random.fold_in(jax.random.key(1), draw)
    return jnp.where(jax.random.bernoulli(key, 0.5, features.shape), 2 * features, 0)


def block(weight, x, count, average):
    features = jnp.sin(x @ weight)
    average[...] = 0.5 * average[...] + 0.5 * jax.lax.stop_gradient(jnp.mean(features**2))
    count[...] += 1
    return dropout(features, count[...])


def loss(features, head):
    return jnp.mean((features @ head - 1) ** 2)


def of_first_draw(freeze):
    def alone(params):
        return loss(dropout(jnp.sin(inputs @ freeze(params["body"])), 1), params["head"])

    return jax.grad(alone)(params)


def show(what, transform, freeze=lambda weight: weight):
    count, average = jax.new_ref(jnp.array(0)), jax.new_ref(jnp.array(0.0))
    run = transform(block)

    @jax.jit
    @jax.grad
    def gradient(params):
        return loss(run(freeze(params["body"]), inputs, count, average), params["head"])

    found, right = gradient(params), of_first_draw(freeze)
    same = [name for name in params if jnp.allclose(found[name], right[name], rtol=1e-4, atol=1e-6)]
    share = average[...] / jnp.mean(jnp.sin(inputs) ** 2)
    print(f"{what:29}draws: {count[...]}  average went: {share:.2f}  right gradients: {', '.join(same)}")


def everything(block):
    return jax.checkpoint(block, policy=jax.checkpoint_policies.everything_saveable)


show("trains", lambda block: block)
show("trains, checkpoint", jax.checkpoint)
show("trains, everything saveable", everything)
show("frozen", lambda block: block, jax.lax.stop_gradient)
show("frozen, checkpoint", jax.checkpoint, jax.lax.stop_gradient)

for transform in (everything, jax.checkpoint):
    with nnx.var_defaults(ref=True):
        layer = nnx.Dropout(0.5, rngs=nnx.Rngs(0))

    @transform
    def squares(x, layer):
        features = layer(x)
        return jnp.sum(jnp.sin(features)), features

    gradient, features = jax.grad(squares, has_aux=True)(inputs, layer)
    same = bool(jnp.all((gradient == 0) == (features == 0)))
    print(f"nnx.Dropout, {transform.__name__}: draws: {layer.rngs.count[...]}  one mask: {same}")


@jax.remat
def example(y, x_ref):
    out = y * x_ref[...]
    x_ref[...] += 1
    return out


ref = jax.new_ref(1.0)
jax.grad(example)(1.0, ref)
print("the example of the pull request:", ref[...])
PYTHON
)

expected=$(cat <<'TEXT'
trains                       draws: 1  average went: 0.50  right gradients: body, head
trains, checkpoint           draws: 2  average went: 0.75  right gradients: head
trains, everything saveable  draws: 1  average went: 0.50  right gradients: body, head
frozen                       draws: 1  average went: 0.50  right gradients: body, head
frozen, checkpoint           draws: 1  average went: 0.50  right gradients: body, head
nnx.Dropout, everything: draws: 1  one mask: True
nnx.Dropout, checkpoint: draws: 2  one mask: False
the example of the pull request: 3.0
TEXT
)

. "$(dirname "$0")/judge.bash"
