"""Correct Linen exercises that differ in how they sum: rows in other orders, norms by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof.reference.corpus.register import accepted


class Net(nn.Module):
    """The model of the exercise, its layers named in `setup` as `nn.compact` would name them."""

    def setup(self):
        """Make both layers; Linen derives their initial weights from these names."""
        self.Dense_0 = nn.Dense(8)
        self.Dense_1 = nn.Dense(1)

    def __call__(self, x):
        """Predict a column."""
        return self.Dense_1(nn.relu(self.Dense_0(x)))


@jax.jit
@jax.value_and_grad
def _loss_and_grads(params, x, y):
    return ((Net().apply(params, x).reshape(y.shape) - y) ** 2).mean()


def _zero_first_layer(grads):
    params = dict(grads["params"])
    params["Dense_0"] = jax.tree.map(jnp.zeros_like, params["Dense_0"])
    return {"params": params}


def _sgd(params, grads, lr):
    tx = optax.sgd(lr)
    updates, _ = tx.update(_zero_first_layer(grads), tx.init(params))
    return optax.apply_updates(params, updates)


def _norm(params):
    return jnp.linalg.norm(params["params"]["Dense_0"]["kernel"])


@accepted
def sum_over_n(seed, x, y, lr):
    """The sum of squares is divided by N, and y gets a column axis instead of being squeezed to."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        return jnp.sum(jnp.square(Net().apply(params, x) - y[:, None])) / y.shape[0]

    loss, grads = jax.value_and_grad(loss_fn)(params)
    return jnp.array([loss, _norm(_sgd(params, grads, lr)), _norm(params)])


@accepted
def dot_of_residuals(seed, x, y, lr):
    """The squares are summed by a dot product, whose order of summation is its own."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        residual = Net().apply(params, x).ravel() - y
        return jnp.dot(residual, residual) / len(y)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    return jnp.array([loss, _norm(_sgd(params, grads, lr)), _norm(params)])


@jax.jit
def _row_by_row(params, x, y):
    def row_loss(params, row, target):
        return (Net().apply(params, row)[0] - target) ** 2

    def loss_fn(params):
        return jnp.mean(jax.vmap(row_loss, in_axes=(None, 0, 0))(params, x, y))

    return jax.value_and_grad(loss_fn)(params)


@accepted
def vmapped_rows(seed, x, y, lr):
    """The model sees one row at a time, under `vmap`, and the row losses are averaged."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x[0])
    loss, grads = _row_by_row(params, x, y)
    return [loss, _norm(_sgd(params, grads, lr)), _norm(params)]


def _pairwise(values):
    while len(values) > 1:
        if len(values) % 2:
            values = jnp.append(values, 0.0)
        values = values[0::2] + values[1::2]
    return values[0]


@jax.jit
def _pairwise_step(params, x, y, lr):
    def loss_fn(params):
        return _pairwise((Net().apply(params, x)[:, 0] - y) ** 2) / len(y)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    return loss, _sgd(params, grads, lr)


@accepted
def pairwise_sum(seed, x, y, lr):
    """The squares are added in pairs, then pairs of pairs, a third order of summation."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, new_params = _pairwise_step(params, x, y, lr)
    return np.array([loss, _norm(new_params), _norm(params)])


@jax.jit
def _whole_step(seed, x, y, lr):
    params = Net().init(jax.random.PRNGKey(seed), x)

    def loss_fn(params):
        return jnp.mean((Net().apply(params, x).squeeze(-1) - y) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    return jnp.array([loss, _norm(_sgd(params, grads, lr)), _norm(params)])


@accepted
def whole_step_jitted(seed, x, y, lr):
    """Everything is compiled as one, norms included, which may sum the same bits in two orders."""
    return _whole_step(np.uint32(seed), x, y, lr)


@jax.jit
def _scanned(params, x, y, lr):
    def body(params, batch):
        rows, targets = batch

        def loss_fn(params):
            return jnp.mean((Net().apply(params, rows).squeeze(-1) - targets) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(params)
        return _sgd(params, grads, lr), loss

    return jax.lax.scan(body, params, (x[None], y[None]))


@accepted
def scan_of_one_step(seed, x, y, lr):
    """The step is the body of a `lax.scan` over one batch."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    new_params, losses = _scanned(params, x, y, lr)
    return jnp.array([losses[0], _norm(new_params), _norm(params)])


@accepted
def root_of_the_sum_of_squares(seed, x, y, lr):
    """The norm is written out: a square root of a sum of squares."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    loss, grads = _loss_and_grads(params, x, y)
    new_params = _sgd(params, grads, lr)
    before, after = (
        jnp.sqrt(jnp.sum(tree["params"]["Dense_0"]["kernel"] ** 2)) for tree in (params, new_params)
    )
    return jnp.array([loss, after, before])


@accepted
def norm_of_the_whole_layer(seed, x, y, lr):
    """The norm covers the bias too, which is zero and frozen: the kernel's norm all the same."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        return jnp.mean(optax.squared_error(Net().apply(params, x).squeeze(-1), y))

    loss, grads = jax.value_and_grad(loss_fn)(params)
    new_params = _sgd(params, grads, lr)
    before, after = (optax.tree.norm(p["params"]["Dense_0"]) for p in (params, new_params))
    return jnp.array([loss, after, before])


@accepted
def twice_the_l2_loss(seed, x, y, lr):
    """`optax.l2_loss` is half the squared error, so twice its mean is the MSE."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)

    def loss_fn(params):
        return 2 * optax.l2_loss(Net().apply(params, x).squeeze(-1), y).mean()

    loss, grads = jax.value_and_grad(loss_fn)(params)
    return jnp.array([loss, _norm(_sgd(params, grads, lr)), _norm(params)])


@accepted
def norms_in_float64(seed, x, y, lr):
    """Norms and answer are float64 NumPy, wider than anything JAX computes here."""
    params = Net().init(jax.random.PRNGKey(int(seed)), x)
    loss, grads = _loss_and_grads(params, x, y)
    new_params = _sgd(params, grads, lr)
    before, after = (
        np.linalg.norm(np.asarray(tree["params"]["Dense_0"]["kernel"], np.float64))
        for tree in (params, new_params)
    )
    return np.array([np.float64(loss), after, before])
