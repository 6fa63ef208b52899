"""The NNX exercise: train a two-layer network by one SGD step with its first layer frozen."""

import functools
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
    graph, params = initialise(arguments.seed, arguments.x.shape[1], arguments.y.shape[1])
    loss, trained = train_step(graph, params, arguments.x, arguments.y, arguments.learning_rate)
    # Both norms come from the same eager call: inside one compiled program the same bits may be
    # summed in two orders, and equal kernels would get norms one ulp apart.
    return jnp.stack([loss, kernel_norm(trained), kernel_norm(params)])


# Compiled functions of the parameters: `nnx.jit` walks the graph of a module before and after each
# call, which was 0.9 of the 1.1 ms of an answer.
@functools.partial(jax.jit, static_argnums=(1, 2))
def initialise(
    seed: np.uint32, features: int, outputs: int
) -> tuple[nnx.GraphDef[TwoLayer], nnx.State[str, Any]]:
    """Return the graph and the parameters that a seed gives for x (N, features), y (N, outputs)."""
    # A key, since nnx.Rngs takes a traced integer for key data; nnx.Rngs(int) makes the same key.
    return nnx.split(TwoLayer(features, outputs, rngs=nnx.Rngs(jax.random.key(seed))))


@jax.jit
def train_step(
    graph: nnx.GraphDef[TwoLayer],
    params: nnx.State[str, Any],
    x: np.ndarray,
    y: np.ndarray,
    lr: np.float32,
) -> tuple[jax.Array, nnx.State[str, Any]]:
    """Return the loss before the step and the parameters after it."""
    model = nnx.merge(graph, params)

    def mean_squared_error(model: TwoLayer) -> jax.Array:
        return jnp.mean((model(x) - y) ** 2)

    loss, gradients = nnx.value_and_grad(mean_squared_error)(model)
    gradients = jax.tree_util.tree_map_with_path(zero_if_frozen, gradients)
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, gradients)
    return loss, nnx.state(model)


def zero_if_frozen(path: tuple[Any, ...], gradient: jax.Array) -> jax.Array:
    """Zero the gradient of a leaf under the frozen layer."""
    # The first entry alone, compared whole: a joined path that is tested with startswith("l1")
    # would catch a sibling l11 too. zeros_like, since inf * 0 is NaN.
    return jnp.zeros_like(gradient) if path[0].key == FROZEN else gradient


def kernel_norm(params: nnx.State[str, Any]) -> jax.Array:
    """Return the Frobenius norm of the frozen kernel."""
    return jnp.linalg.norm(params[FROZEN].kernel[...])
