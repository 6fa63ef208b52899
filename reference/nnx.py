"""The NNX exercise: train a two-layer network by one SGD step with its first layer frozen."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from .exercise_arguments import check_arguments

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
    """Take one SGD step with every leaf under `l1` frozen.

    Args:
        seed: of the initial weights, an integral number in uint32.
        x: inputs (N, in).
        y: targets (N, out).
        lr: the learning rate, finite in float32.

    Returns:
        float32 (3,): the loss before the step, the norm of the frozen kernel after the step, and
        the norm before it.

    Raises:
        ValueError: which names the argument that is not as the exercise demands.
    """
    arguments = check_arguments(seed, x, y, lr, y_rank=2)
    # Apart from the step: drawing weights is most of what XLA would compile for each batch size.
    model = initialise(arguments.seed, arguments.x.shape[1], arguments.y.shape[1])
    before = model.l1.kernel[...]
    loss = train_step(model, arguments.x, arguments.y, arguments.learning_rate)
    # Both norms come from the same eager call: inside one compiled program the same bits may be
    # summed in two orders, and equal kernels would get norms one ulp apart.
    return jnp.stack([loss, jnp.linalg.norm(model.l1.kernel[...]), jnp.linalg.norm(before)])


def _initialised(seed: np.uint32, features: int, outputs: int) -> TwoLayer:
    # A key, since nnx.Rngs takes a traced integer for key data; nnx.Rngs(int) makes the same key.
    return TwoLayer(features, outputs, rngs=nnx.Rngs(jax.random.key(seed)))


#: The model that a seed gives for x (N, features) and y (N, outputs), by one compiled function.
initialise: Callable[[np.uint32, int, int], TwoLayer] = nnx.jit(_initialised, static_argnums=(1, 2))


@nnx.jit
def train_step(model: TwoLayer, x: np.ndarray, y: np.ndarray, lr: np.float32) -> jax.Array:
    """Train the model in place and return the loss before the step."""

    def mean_squared_error(model: TwoLayer) -> jax.Array:
        return jnp.mean((model(x) - y) ** 2)

    loss, gradients = nnx.value_and_grad(mean_squared_error)(model)
    gradients = jax.tree_util.tree_map_with_path(zero_if_frozen, gradients)
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, gradients)
    return loss


def zero_if_frozen(path: tuple[Any, ...], gradient: jax.Array) -> jax.Array:
    """Zero the gradient of a leaf under the frozen layer."""
    # The first entry alone, compared whole: a joined path that is tested with startswith("l1")
    # would catch a sibling l11 too. zeros_like, since inf * 0 is NaN.
    return jnp.zeros_like(gradient) if path[0].key == FROZEN else gradient
