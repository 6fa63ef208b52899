"""Correct Linen exercises that differ in how they freeze the first layer."""

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util
from flax.training import train_state

from frostproof.reference.corpus.register import accepted


class Net(nn.Module):
    """The model of the exercise."""

    @nn.compact
    def __call__(self, x):
        """Predict one value per row."""
        hidden = nn.Dense(8)(x)
        return nn.Dense(1)(nn.relu(hidden)).squeeze(-1)


def _mse(params, x, y):
    return jnp.mean((Net().apply(params, x) - y) ** 2)


_loss_and_grads = jax.jit(jax.value_and_grad(_mse))


def _frozen(path, _=None):
    return "Dense_0" in [entry.key for entry in path]


def _kernel_norm(params):
    return jnp.linalg.norm(params["params"]["Dense_0"]["kernel"])


@accepted
def stop_gradient_on_params(seed, x, y, lr):
    """No mask: the loss stops the gradient of the frozen layer, so its gradient is exactly 0."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        held = jax.lax.stop_gradient(params["params"]["Dense_0"])
        return _mse({"params": {**params["params"], "Dense_0": held}}, x, y)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _kernel_norm(new_params), _kernel_norm(params)])


@accepted
def head_alone_trained(seed, x, y, lr):
    """The optimizer never sees the frozen layer: gradients are taken for the head alone."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)["params"]

    def loss_fn(head):
        return _mse({"params": {"Dense_0": params["Dense_0"], "Dense_1": head}}, x, y)

    loss, grads = jax.value_and_grad(loss_fn)(params["Dense_1"])
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params["Dense_1"]))
    trained = {**params, "Dense_1": optax.apply_updates(params["Dense_1"], updates)}
    after = np.linalg.norm(trained["Dense_0"]["kernel"])
    return [float(loss), float(after), float(np.linalg.norm(params["Dense_0"]["kernel"]))]


@jax.jit
def _step_with_labels(params, x, y, lr):
    labels = jax.tree_util.tree_map_with_path(
        lambda path, _: "freeze" if _frozen(path) else "train", params
    )
    tx = optax.multi_transform({"train": optax.sgd(lr), "freeze": optax.set_to_zero()}, labels)
    loss, grads = jax.value_and_grad(_mse)(params, x, y)
    updates, _ = tx.update(grads, tx.init(params), params)
    return loss, optax.apply_updates(params, updates)


@accepted
def multi_transform_with_labels(seed, x, y, lr):
    """Frozen leaves are labelled and get `set_to_zero`, so their gradients never count."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, new_params = _step_with_labels(params, x, y, lr)
    return np.array([loss, _kernel_norm(new_params), _kernel_norm(params)])


@accepted
def freeze_at_the_end_of_the_chain(seed, x, y, lr):
    """`optax.freeze` after SGD zeroes the updates, not the gradients; True means frozen."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    mask = jax.tree_util.tree_map_with_path(_frozen, params)
    tx = optax.chain(optax.sgd(lr), optax.freeze(mask))
    loss, grads = _loss_and_grads(params, x, y)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.stack([loss, _kernel_norm(new_params), _kernel_norm(params)])


@accepted
def selective_transform(seed, x, y, lr):
    """`optax.selective_transform` takes the mask of frozen leaves by keyword."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    mask = {"params": {"Dense_0": {"kernel": True, "bias": True}}}
    mask["params"]["Dense_1"] = {"kernel": False, "bias": False}
    tx = optax.selective_transform(optax.sgd(lr), freeze_mask=mask)
    loss, grads = _loss_and_grads(params, x, y)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return loss, _kernel_norm(new_params), _kernel_norm(params)


@accepted
def masked_set_to_zero(seed, x, y, lr):
    """A masked `set_to_zero` before SGD; the mask is a prefix of the tree, one flag a layer."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    mask = {"params": {"Dense_0": True, "Dense_1": False}}
    tx = optax.chain(optax.masked(optax.set_to_zero(), mask), optax.sgd(lr))
    loss, grads = _loss_and_grads(params, x, y)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return np.asarray([loss, _kernel_norm(new_params), _kernel_norm(params)], np.float64)


@accepted
def train_state_applies(seed, x, y, lr):
    """`TrainState.apply_gradients` takes the step with gradients zeroed beforehand."""
    net = Net()
    params = net.init(jax.random.PRNGKey(int(seed)), x)["params"]
    state = train_state.TrainState.create(apply_fn=net.apply, params=params, tx=optax.sgd(lr))

    def loss_fn(params):
        return jnp.mean((state.apply_fn({"params": params}, x) - y) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(state.params)
    grads["Dense_0"] = jax.tree.map(jnp.zeros_like, grads["Dense_0"])
    new_state = state.apply_gradients(grads=grads)
    norms = [jnp.linalg.norm(s.params["Dense_0"]["kernel"]) for s in (new_state, state)]
    return jnp.array([loss, *norms])


@accepted
def flattened_mask(seed, x, y, lr):
    """The gradients are masked in a flat dict with paths as keys, then nested again."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    flat = traverse_util.flatten_dict(grads, sep="/")
    flat = {
        path: jnp.zeros_like(leaf) if path.startswith("params/Dense_0/") else leaf
        for path, leaf in flat.items()
    }
    tx = optax.sgd(lr)
    updates, _ = tx.update(traverse_util.unflatten_dict(flat, sep="/"), tx.init(params))
    new_params = optax.apply_updates(params, updates)
    return [loss, _kernel_norm(new_params), _kernel_norm(params)]


@accepted
def frozen_dict_params(seed, x, y, lr):
    """The parameters are a FrozenDict, whose paths have the same keys as a dict's."""
    params = flax.core.freeze(Net().init(jax.random.PRNGKey(int(seed)), x))
    loss, grads = jax.value_and_grad(_mse)(params, x, y)
    grads = jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.zeros_like(g) if _frozen(path) else g, grads
    )
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _kernel_norm(new_params), _kernel_norm(params)])


@accepted
def descended_by_hand(seed, x, y, lr):
    """No optimizer: SGD is one line over the tree, and frozen leaves are handed through."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    new_params = jax.tree_util.tree_map_with_path(
        lambda path, p, g: p if _frozen(path) else p - lr * g, params, grads
    )
    return np.array([loss, _kernel_norm(new_params), _kernel_norm(params)], dtype=np.float32)


@accepted
def restored_after_the_update(seed, x, y, lr):
    """All layers train, then the frozen one is put back, exact whatever the step has done."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)["params"]
    loss, grads = jax.value_and_grad(lambda p: _mse({"params": p}, x, y))(params)
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = dict(optax.apply_updates(params, updates), Dense_0=params["Dense_0"])
    norms = [np.linalg.norm(np.asarray(p["Dense_0"]["kernel"])) for p in (new_params, params)]
    return np.array([loss, *norms])


@accepted
def stop_gradient_on_the_hidden_layer(seed, x, y, lr):
    """The gradient stops at the hidden activations, below which lies only the frozen layer."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        first, second = params["params"]["Dense_0"], params["params"]["Dense_1"]
        hidden = jax.lax.stop_gradient(nn.relu(x @ first["kernel"] + first["bias"]))
        prediction = hidden @ second["kernel"] + second["bias"]
        return jnp.mean((prediction[:, 0] - y) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params))
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _kernel_norm(new_params), _kernel_norm(params)])


@accepted
def zeroed_by_where(seed, x, y, lr):
    """The mask chooses by `where`, not by multiplication, so an overflowed gradient stays out."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    mask = jax.tree_util.tree_map_with_path(_frozen, grads)
    grads = jax.tree.map(lambda frozen, g: jnp.where(frozen, 0.0, g), mask, grads)
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _kernel_norm(new_params), _kernel_norm(params)])
