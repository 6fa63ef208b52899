"""Correct NNX exercises, each written in another way."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof.reference.corpus.register import accepted


class TwoLayer(nnx.Module):
    """The model of the exercise."""

    def __init__(self, inputs, outputs, *, rngs):
        """Make `l1` first: each layer takes the next random numbers."""
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l2 = nnx.Linear(4, outputs, rngs=rngs)

    def __call__(self, x):
        """Predict a column per output."""
        return self.l2(nnx.relu(self.l1(x)))


def _mse(model, x, y):
    return jnp.mean((model(x) - y) ** 2)


def _model(seed, x, y):
    return TwoLayer(x.shape[1], y.shape[1], rngs=nnx.Rngs(int(seed)))


def _norm(model):
    return jnp.linalg.norm(model.l1.kernel[...])


def _zero(path, leaf):
    return jnp.zeros_like(leaf) if path[0].key == "l1" else leaf


@accepted
def split_and_merge(seed, x, y, lr):
    """Functional: the model is split into frozen and trainable state, and JAX sees the latter."""
    model = _model(seed, x, y)
    graphdef, frozen, head = nnx.split(model, nnx.PathContains("l1"), ...)

    def loss_fn(head):
        return _mse(nnx.merge(graphdef, frozen, head), x, y)

    loss, grads = jax.value_and_grad(loss_fn)(head)
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(head), head)
    trained = nnx.merge(graphdef, frozen, optax.apply_updates(head, updates))
    return jnp.array([loss, _norm(trained), _norm(model)])


@accepted
def diff_state(seed, x, y, lr):
    """Gradients and optimizer share a filter that leaves `l1` out, so it has no gradient at all."""
    model = _model(seed, x, y)
    trainable = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1")))
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=trainable)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, trainable))(model, x, y)
    optimizer.update(model, grads)
    return jnp.array([loss, _norm(model), before])


@accepted
def state_updated_by_hand(seed, x, y, lr):
    """No optimizer: the state of `l2` is read, descended and written back."""
    model = _model(seed, x, y)
    before = float(_norm(model))
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    head = nnx.state(model.l2, nnx.Param)
    nnx.update(model.l2, jax.tree.map(lambda p, g: p - lr * g, head, grads["l2"]))
    return [float(loss), float(_norm(model)), before]


@nnx.jit
def _step(model, x, y, lr):
    # Made in here: an optimizer that came as an argument would bring its learning rate as a
    # constant, and each new rate would be compiled anew.
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    optimizer.update(model, jax.tree_util.tree_map_with_path(_zero, grads))
    return loss


@accepted
def nnx_jit_step(seed, x, y, lr):
    """The step is an `nnx.jit` function that trains the model in place."""
    model = _model(seed, x, y)
    before = np.linalg.norm(np.asarray(model.l1.kernel[...]))
    loss = _step(model, x, y, lr)
    return np.array([loss, np.linalg.norm(np.asarray(model.l1.kernel[...])), before])


@jax.jit
def _whole_step(key, x, y, lr):
    model = TwoLayer(x.shape[1], y.shape[1], rngs=nnx.Rngs(key))
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    grads = jax.tree_util.tree_map_with_path(_zero, grads)
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, grads)
    return jnp.stack([loss, _norm(model), before])


@accepted
def whole_step_jitted(seed, x, y, lr):
    """Model, optimizer, step and norms live and die inside one compiled function."""
    return _whole_step(jax.random.key(int(seed)), x, y, lr)


class Frozen(nnx.Variable):
    """A variable that is not an `nnx.Param`, so that filters for Param skip it."""


@accepted
def variable_type_of_its_own(seed, x, y, lr):
    """The weights of `l1` get another type, not a subclass of Param, so Param leaves them."""
    model = _model(seed, x, y)
    model.l1.kernel = Frozen(model.l1.kernel[...])
    model.l1.bias = Frozen(model.l1.bias[...])
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    optimizer.update(model, grads)
    return jnp.array([loss, _norm(model), before])


@accepted
def stop_gradient_on_the_hidden_layer(seed, x, y, lr):
    """The gradient stops at the hidden activations, below which lies only the frozen layer."""
    model = _model(seed, x, y)

    def loss_fn(model):
        hidden = jax.lax.stop_gradient(nnx.relu(model.l1(x)))
        return jnp.mean((model.l2(hidden) - y) ** 2)

    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, grads)
    return loss, _norm(model), before


@accepted
def restored_after_the_update(seed, x, y, lr):
    """All layers train, then a copy of the first is written back."""
    model = _model(seed, x, y)
    copy = jax.tree.map(jnp.copy, nnx.state(model.l1))
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, grads)
    nnx.update(model.l1, copy)
    return jnp.array([loss, _norm(model), before])


@accepted
def clone_trained(seed, x, y, lr):
    """A clone is trained and compared with the original, which stays as it was."""
    original = _model(seed, x, y)
    model = nnx.clone(original)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    grads["l1"] = jax.tree.map(jnp.zeros_like, grads["l1"])
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, grads)
    return np.array([loss, _norm(model), _norm(original)], np.float32)


@accepted
def partition_by_path(seed, x, y, lr):
    """`optax.partition` labels the pure state by a function of its paths."""

    def labels(state):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "freeze" if path[0].key == "l1" else "train", state
        )

    model = _model(seed, x, y)
    tx = optax.partition({"train": optax.sgd(lr), "freeze": optax.set_to_zero()}, labels)
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    optimizer.update(model, grads)
    return jnp.array([loss, _norm(model), before])


@accepted
def masked_set_to_zero(seed, x, y, lr):
    """A masked `set_to_zero` closes the chain, with a mask that is computed from the updates."""

    def frozen(updates):
        return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key == "l1", updates)

    model = _model(seed, x, y)
    tx = optax.chain(optax.sgd(lr), optax.masked(optax.set_to_zero(), frozen))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(_mse)(model, x, y)
    optimizer.update(model, grads)
    return jnp.array([loss, _norm(model), before])
