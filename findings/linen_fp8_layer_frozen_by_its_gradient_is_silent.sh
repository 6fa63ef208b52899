#!/usr/bin/env bash
# Flax 0.12.8: a Linen layer in fp8 that is frozen by its gradient keeps its kernel to the bit, and
# returns zeros from the second step on.
#
# Expected: a zero gradient changes nothing under sgd. Whether a frozen layer stands behind
# `stop_gradient`, has its gradients zeroed or is left out of the optimizer is then a matter of cost.
#
# What happens: the scales of fp8 lie in a collection of their own, `_overwrite_with_gradient`, and
# what `jax.grad` returns for it is no gradient, but the new scales. `TrainState` stores it as it is,
# past the optimizer. A gradient that somebody zeroed, or that `stop_gradient` kept from being computed,
# is so a scale of zero: the layer multiplies its product by it. A bias is all that would be left. Nothing
# raises, no number is NaN, and the loss can fall, for the head learns to do without features.
#
# For a freeze: compare what a frozen layer returns, and not its weights alone. Freeze by the optimizer,
# which never sees the scales; by `stop_gradient` around the parameters, not around the features; or zero
# the gradients of `params` only.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 ml-dtypes==0.6.0 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.linen import fp8_ops
from flax.training.train_state import TrainState

inputs = jax.random.normal(jax.random.key(0), (8, 16))
targets = jnp.sin(inputs[:, :4])
sgd = optax.sgd(0.1)
by_name = {"backbone": "frozen", "head": "trained"}
parted = optax.partition({"frozen": optax.set_to_zero(), "trained": sgd}, by_name)


def layer(width, dot):
    return nn.Dense(width, use_bias=False, dot_general_cls=dot)


class Model(nn.Module):
    dot: type
    stop: bool

    def setup(self):
        self.backbone, self.head = layer(16, self.dot), layer(4, self.dot)

    def __call__(self, x):
        features = self.backbone(x)
        return self.head(jax.lax.stop_gradient(features) if self.stop else features)


def zero(path, gradient):
    return gradient * ("backbone" not in jax.tree_util.keystr(path))


def told(dot, stop=False, zeroed=False, optimizer=sgd):
    model = Model(dot, stop)
    variables = model.init(jax.random.key(1), inputs)
    tree = variables if dot else variables["params"]
    state = TrainState.create(apply_fn=model.apply, params=tree, tx=optimizer)

    def apply(tree, **options):
        return model.apply(tree if dot else {"params": tree}, inputs, **options)

    def step(state):
        grads = jax.grad(lambda tree: jnp.mean((apply(tree) - targets) ** 2))(state.params)
        grads = jax.tree_util.tree_map_with_path(zero, grads) if zeroed else grads
        return state.apply_gradients(grads=grads)

    features = []
    for _ in range(4):
        returned = apply(state.params, method=lambda model, x: model.backbone(x))
        features.append("some" if jnp.any(returned) else "zeros")
        state = jax.jit(step)(state)
    weights = state.params["params"] if dot else state.params
    kept = bool(jnp.all(weights["backbone"]["kernel"] == variables["params"]["backbone"]["kernel"]))
    return f"kernel kept: {kept}, returned: {', '.join(features)}"


for name, dot in {"float32": None, "fp8": fp8_ops.Fp8DirectDotGeneralOp}.items():
    print(f"{name}, left out of the optimizer: {told(dot, optimizer=parted)}")
    print(f"{name}, behind stop_gradient: {told(dot, stop=True)}")
    print(f"{name}, gradients zeroed: {told(dot, zeroed=True)}")
PYTHON
)

expected=$(cat <<'TEXT'
float32, left out of the optimizer: kernel kept: True, returned: some, some, some, some
float32, behind stop_gradient: kernel kept: True, returned: some, some, some, some
float32, gradients zeroed: kernel kept: True, returned: some, some, some, some
fp8, left out of the optimizer: kernel kept: True, returned: some, some, some, some
fp8, behind stop_gradient: kernel kept: True, returned: some, zeros, zeros, zeros
fp8, gradients zeroed: kernel kept: True, returned: some, zeros, zeros, zeros
TEXT
)

. "$(dirname "$0")/judge.bash"
