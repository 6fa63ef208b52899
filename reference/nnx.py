"""The NNX exercise: train a two-layer network by one SGD step with its first layer frozen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from .arguments import check_arguments

FROZEN = "l1"


class TwoLayer(nnx.Module):
    """Linear(in, 4), relu, Linear(4, out)."""

    def __init__(self, features: int, outputs: int, *, rngs: nnx.Rngs):
        self.l1 = nnx.Linear(features, 4, rngs=rngs)
        self.l2 = nnx.Linear(4, outputs, rngs=rngs)

    def __call__(self, x: Any) -> jax.Array:
        """Map (N, in) to (N, out)."""
        return self.l2(nnx.relu(self.l1(x)))


def freeze_first_dense(seed: float, x: Any, y: Any, lr: float) -> jax.Array:
    """Take one SGD step on x (N, in), y (N, out) with every leaf under `l1` frozen.

    Returns float32 (3,): [loss before the step, frozen kernel's norm after, and before].
    Raises `ValueError` naming the argument that is not as the exercise demands.
    """
    arguments = check_arguments(seed, x, y, lr, y_rank=2)
    loss, after, before = train(*arguments)
    # Both norms come from the same eager call: inside one compiled program the same bits may be
    # summed in two orders, and equal kernels would get norms one ulp apart.
    return jnp.stack([loss, jnp.linalg.norm(after), jnp.linalg.norm(before)])


@jax.jit
def train(
    seed: np.uint32, x: np.ndarray, y: np.ndarray, lr: np.float32
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the loss before the step and the frozen kernel after and before it."""
    # A key, since nnx.Rngs takes a traced integer for key data; nnx.Rngs(int) makes the same key.
    rngs = nnx.Rngs(jax.random.key(seed))
    model = TwoLayer(features=x.shape[1], outputs=y.shape[1], rngs=rngs)
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = model.l1.kernel[...]

    def mean_squared_error(model: TwoLayer) -> jax.Array:
        return jnp.mean((model(x) - y) ** 2)

    loss, gradients = nnx.value_and_grad(mean_squared_error)(model)
    gradients = jax.tree_util.tree_map_with_path(zero_if_frozen, gradients)
    optimizer.update(model, gradients)
    return loss, model.l1.kernel[...], before


def zero_if_frozen(path: tuple[Any, ...], gradient: jax.Array) -> jax.Array:
    """Zero the gradient of a leaf under the frozen layer."""
    # The first entry alone, compared whole: a joined path that is tested with startswith("l1")
    # would catch a sibling l11 too. zeros_like, since inf * 0 is NaN.
    return jnp.zeros_like(gradient) if path[0].key == FROZEN else gradient


@jax.jit
def initialise(seed: np.uint32, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the parameters that the seed gives for batches shaped like x (N, in), y (N, out)."""
    rngs = nnx.Rngs(jax.random.key(seed))
    model = TwoLayer(features=x.shape[1], outputs=y.shape[1], rngs=rngs)
    return nnx.to_pure_dict(nnx.state(model))
