"""The Linen exercise: train a two-layer network by one SGD step with its first layer frozen."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from .exercise_arguments import check_arguments

FROZEN = "Dense_0"


class TwoLayer(nn.Module):
    """Dense(8), relu, Dense(1): a scalar for each row of x (N, D)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (N, D) to (N, 1)."""
        # A line each: in `nn.Dense(1)(nn.relu(nn.Dense(8)(x)))` the outer layer is made first and
        # takes the name Dense_0, so that a freeze of "Dense_0" would freeze the head.
        x = nn.Dense(8)(x)
        x = nn.relu(x)
        return nn.Dense(1)(x)


model = TwoLayer()


def freeze_first_dense(seed: float, x: Any, y: Any, lr: float) -> jax.Array:
    """Take one SGD step with every leaf under `Dense_0` frozen.

    Args:
        seed: of the initial weights, an integral number in uint32.
        x: inputs (N, D).
        y: targets (N,).
        lr: the learning rate, finite in float32.

    Returns:
        float32 (3,): the loss before the step, the norm of the frozen kernel after the step, and
        the norm before it.

    Raises:
        ValueError: which names the argument that is not as the exercise demands.
    """
    arguments = check_arguments(seed, x, y, lr, y_rank=1)
    # One row: weights depend on the width of x alone, and each number of rows would be compiled.
    variables = initialise(arguments.seed, arguments.x[:1])
    loss, trained = train_step(variables, arguments.x, arguments.y, arguments.learning_rate)
    # Both norms come from the same eager call: inside one compiled program the same bits may be
    # summed in two orders, and equal kernels would get norms one ulp apart.
    return jnp.stack([loss, kernel_norm(trained), kernel_norm(variables)])


@jax.jit
def initialise(seed: np.uint32, x: np.ndarray) -> dict[str, Any]:
    """Return the variables that the seed gives for inputs like x (N, D)."""
    return dict(model.init(jax.random.PRNGKey(seed), x))


@jax.jit
def train_step(
    variables: dict[str, Any], x: np.ndarray, y: np.ndarray, lr: np.float32
) -> tuple[jax.Array, dict[str, Any]]:
    """Return the loss before the step and the variables after it."""

    def mean_squared_error(variables: dict[str, Any]) -> jax.Array:
        prediction: Any = model.apply(variables, x)
        return jnp.mean((prediction.squeeze(-1) - y) ** 2)

    loss, gradients = jax.value_and_grad(mean_squared_error)(variables)
    gradients = jax.tree_util.tree_map_with_path(zero_if_frozen, gradients)
    optimizer = optax.sgd(lr)
    updates, _ = optimizer.update(gradients, optimizer.init(variables))
    return loss, optax.apply_updates(variables, updates)


def zero_if_frozen(path: tuple[Any, ...], gradient: jax.Array) -> jax.Array:
    """Zero the gradient of a leaf under the frozen layer."""
    # zeros_like, not gradient * 0: an overflowing gradient is inf, and inf * 0 is NaN.
    return jnp.zeros_like(gradient) if FROZEN in [entry.key for entry in path] else gradient


def kernel_norm(variables: dict[str, Any]) -> jax.Array:
    """Return the Frobenius norm of the frozen kernel."""
    return jnp.linalg.norm(variables["params"][FROZEN]["kernel"])
