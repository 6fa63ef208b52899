"""Correct Linen exercises that differ in how the program around the step is built."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof.reference.corpus.register import accepted


class Net(nn.Module):
    """The model of the exercise, with the names that Linen would give spelt out."""

    @nn.compact
    def __call__(self, inputs):
        """Predict a column; one expression is safe here, as the names do not depend on order."""
        return nn.Dense(1, name="Dense_1")(nn.relu(nn.Dense(8, name="Dense_0")(inputs)))


NET = Net()


def _loss(params, x, y):
    return jnp.mean((NET.apply(params, x).squeeze(-1) - y) ** 2)


_loss_and_grads = jax.jit(jax.value_and_grad(_loss))


def _freeze(grads):
    return jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.zeros_like(g) if path[1].key == "Dense_0" else g, grads
    )


def _norm(params):
    return jnp.linalg.norm(params["params"]["Dense_0"]["kernel"])


@jax.jit
def _step(params, x, y, lr):
    loss, grads = jax.value_and_grad(_loss)(params, x, y)
    tx = optax.sgd(lr)
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    return loss, optax.apply_updates(params, updates)


_donating_step = jax.jit(_step.__wrapped__, donate_argnums=0)


@accepted
def donated_params(seed, x, y, lr):
    """The step is given the old parameters' memory, so their norm is taken before it runs."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    before = float(_norm(params))
    loss, new_params = _donating_step(params, x, y, lr)
    return [float(loss), float(_norm(new_params)), before]


_init = jax.jit(NET.init)


@accepted
def jitted_init(seed, x, y, lr):
    """`init` is compiled once per shape and called with a key of the new, typed kind."""
    params = _init(jax.random.key(int(seed)), x)
    loss, new_params = _step(params, x, y, lr)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@accepted
def init_on_zeros(seed, x, y, lr):
    """`init` sees one row of zeros: only the shape of its input matters."""
    params = NET.init({"params": jax.random.PRNGKey(np.uint32(seed))}, np.zeros_like(x[:1]))
    loss, new_params = _step(params, x, y, lr)
    return jnp.stack([loss, _norm(new_params), _norm(params)])


@accepted
def negative_rates_refused(seed, x, y, lr):
    """A negative learning rate raises a ValueError, which declines a problem and is not a fault."""
    if lr < 0:
        raise ValueError(f"the learning rate must not be negative, got {lr}")
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, new_params = _step(params, x, y, lr)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@jax.jit
def _step_with_state(params, opt_state, x, y):
    loss, grads = jax.value_and_grad(_loss)(params, x, y)
    updates, opt_state = _INJECTED.update(_freeze(grads), opt_state, params)
    return loss, optax.apply_updates(params, updates)


_INJECTED = optax.inject_hyperparams(optax.sgd)(learning_rate=0.0)


@accepted
def injected_learning_rate(seed, x, y, lr):
    """One optimizer serves all calls: the learning rate travels in its state."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    opt_state = _INJECTED.init(params)
    opt_state.hyperparams["learning_rate"] = jnp.float32(lr)
    loss, new_params = _step_with_state(params, opt_state, x, y)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@accepted
def loss_with_auxiliary(seed, x, y, lr):
    """The loss returns its prediction too, and is computed again from it in NumPy."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        prediction = NET.apply(params, x)[:, 0]
        return jnp.mean((prediction - y) ** 2), prediction

    (_, prediction), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    tx = optax.sgd(lr)
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    with np.errstate(over="ignore", invalid="ignore"):
        loss = np.mean((np.asarray(prediction) - y) ** 2, dtype=np.float32)
    return np.array([loss, _norm(new_params), _norm(params)], np.float32)


@accepted
def gradient_by_vjp(seed, x, y, lr):
    """The gradient is pulled back by `jax.vjp` from a cotangent of one."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, pull_back = jax.vjp(lambda params: _loss(params, x, y), params)
    (grads,) = pull_back(jnp.ones_like(loss))
    tx = optax.sgd(lr)
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@accepted
def rematerialised_loss(seed, x, y, lr):
    """The loss is computed again for the gradient, under `jax.checkpoint`."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = jax.value_and_grad(jax.checkpoint(_loss))(params, x, y)
    tx = optax.sgd(lr)
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@accepted
def momentum_from_a_fresh_state(seed, x, y, lr):
    """SGD with momentum: from a fresh state its first step is that of plain SGD."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    tx = optax.sgd(lr, momentum=0.9)
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _norm(new_params), _norm(params)])


@accepted
def schedule_of_a_constant(seed, x, y, lr):
    """The learning rate is a schedule that never changes."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    tx = optax.sgd(optax.constant_schedule(lr))
    updates, _ = tx.update(_freeze(grads), tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return jnp.array([loss, _norm(new_params), _norm(params)])


def _frozen_by_name(layer, seed, x, y, lr):
    """Name the frozen layer in a further argument, which a partial fills in."""
    params = NET.init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    grads["params"][layer] = jax.tree.map(jnp.zeros_like, grads["params"][layer])
    tx = optax.sgd(lr)
    updates, _ = tx.update(grads, tx.init(params), params)
    new_params = optax.apply_updates(params, updates)
    return tuple(
        float(value)
        for value in (
            loss,
            jnp.linalg.norm(new_params["params"][layer]["kernel"]),
            jnp.linalg.norm(params["params"][layer]["kernel"]),
        )
    )


#: A partial has no name, and four of five arguments left.
partial_of_five_arguments = accepted(functools.partial(_frozen_by_name, "Dense_0"))


class Trainer:
    """An object that is called, and whose method does the same."""

    def __init__(self, model):
        """Keep the model and compile its step."""
        self.model = model
        self.step = _step

    def __call__(self, seed, x, y, lr):
        """Do the exercise; the instance remembers no call."""
        return self.run(seed, x, y, lr)

    def run(self, seed, x, y, lr):
        """Do the exercise."""
        params = self.model.init(jax.random.PRNGKey(int(seed)), x)
        loss, new_params = self.step(params, x, y, lr)
        return [loss.item(), _norm(new_params).item(), _norm(params).item()]


#: A callable object: it has no `__name__`.
callable_object = accepted(Trainer(NET))
#: A bound method: its first argument is taken already.
bound_method = accepted(callable_object.run)
