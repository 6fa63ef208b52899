"""Correct NNX exercises that differ in how they sum and in the program around the step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof.reference.corpus.register import accepted


class TwoLayer(nnx.Module):
    """The model of the exercise, its width and random numbers spelt another way."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs):
        """Draw both layers from the stream `params`."""
        self.l1 = nnx.Linear(in_features=inputs, out_features=4, rngs=rngs)
        self.l2 = nnx.Linear(in_features=4, out_features=outputs, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Predict a column per output."""
        return self.l2(jnp.maximum(self.l1(x), 0))


def _freeze(grads):
    def zero(path, leaf):
        keys = [getattr(entry, "key", None) for entry in path]
        return jnp.zeros_like(leaf) if "l1" in keys else leaf

    return jax.tree_util.tree_map_with_path(zero, grads)


def _norm(model):
    return jnp.linalg.norm(model.l1.kernel[...])


@accepted
def named_stream(seed, x, y, lr):
    """The seed goes to the stream `params` by name, which draws what the default stream would."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(params=int(seed)))
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(lambda m: jnp.mean(jnp.square(m(x) - y)))(model)
    optimizer.update(model, _freeze(grads))
    return jnp.array([loss, _norm(model), before])


@accepted
def mean_of_row_means(seed, x, y, lr):
    """Each row is averaged over its columns, then the rows: all have as many columns."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(
        lambda m: jnp.mean(jnp.mean((m(x) - y) ** 2, axis=1)),
    )(model)
    optimizer.update(model, _freeze(grads))
    return [loss, _norm(model), before]


@accepted
def vdot_of_residuals(seed, x, y, lr):
    """The squares are summed by `vdot` and divided by the number of entries."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))

    def loss_fn(model):
        residual = model(x) - y
        return jnp.vdot(residual, residual) / y.size

    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, _freeze(grads))
    return jnp.stack([loss, _norm(model), before])


@nnx.jit
def _row_losses(model, x, y):
    def loss_fn(model):
        predictions = nnx.vmap(lambda model, row: model(row), in_axes=(None, 0))(model, x)
        return jnp.mean((predictions - y) ** 2)

    return nnx.value_and_grad(loss_fn)(model)


@accepted
def vmapped_rows(seed, x, y, lr):
    """The model sees one row at a time, under `nnx.vmap`."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
    before = float(_norm(model))
    loss, grads = _row_losses(model, x, y)
    nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, _freeze(grads))
    return (float(loss), float(_norm(model)), before)


@accepted
def loss_with_auxiliary(seed, x, y, lr):
    """The loss returns its prediction as well, which nobody needs."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))

    def loss_fn(model):
        prediction = model(x)
        return optax.squared_error(prediction, y).mean(), prediction

    optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
    before = _norm(model)
    (loss, _), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model)
    optimizer.update(model, _freeze(grads))
    return np.array([loss, _norm(model), before], dtype=np.float64)


@jax.jit
def _scanned(weights, x, y, lr):
    graphdef, state = weights

    def body(state, batch):
        rows, targets = batch
        model = nnx.merge(graphdef, state)
        loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(rows) - targets) ** 2))(model)
        nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param).update(model, _freeze(grads))
        return nnx.state(model), loss

    return jax.lax.scan(body, state, (x[None], y[None]))


@accepted
def scan_of_one_step(seed, x, y, lr):
    """The step is the body of a `lax.scan` whose carry is the model's state."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
    before = _norm(model)
    state, losses = _scanned(nnx.split(model), x, y, lr)
    nnx.update(model, state)
    return jnp.array([losses[0], _norm(model), before])


@accepted
def pure_dict_of_weights(seed, x, y, lr):
    """The weights become a plain dict of arrays, and the model two matrix products by hand."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
    weights = nnx.to_pure_dict(nnx.state(model, nnx.Param))

    def loss_fn(head):
        hidden = jnp.maximum(x @ weights["l1"]["kernel"] + weights["l1"]["bias"], 0)
        return jnp.mean((hidden @ head["kernel"] + head["bias"] - y) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(weights["l2"])
    trained = {**weights, "l2": jax.tree.map(lambda p, g: p - lr * g, weights["l2"], grads)}
    before, after = (np.linalg.norm(w["l1"]["kernel"]) for w in (weights, trained))
    return [float(loss), float(after), float(before)]


class Trainer:
    """An object that is called and keeps nothing but a compiled function."""

    def __init__(self):
        """Compile the gradient for this object."""
        self._loss_and_grads = nnx.jit(nnx.value_and_grad(self._loss))

    @staticmethod
    def _loss(model, x, y):
        return jnp.mean((model(x) - y) ** 2)

    def __call__(self, seed, x, y, lr):
        """Do the exercise with a new model and a new optimizer."""
        model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
        optimizer = nnx.Optimizer(model, optax.sgd(lr), wrt=nnx.Param)
        before = _norm(model)
        loss, grads = self._loss_and_grads(model, x, y)
        optimizer.update(model, _freeze(grads))
        return jnp.array([loss, _norm(model), before])


#: A callable object: it has no `__name__`.
callable_object = accepted(Trainer())


@nnx.jit
def _step_with_state(model, optimizer, x, y):
    loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2))(model)
    optimizer.update(model, _freeze(grads))
    return loss


_INJECTED = optax.inject_hyperparams(optax.sgd)(learning_rate=0.0)


@accepted
def injected_learning_rate(seed, x, y, lr):
    """One optimizer serves all calls: the learning rate is written into its state."""
    model = TwoLayer(x.shape[1], y.shape[1], nnx.Rngs(int(seed)))
    optimizer = nnx.Optimizer(model, _INJECTED, wrt=nnx.Param)
    optimizer.opt_state.hyperparams["learning_rate"][...] = jnp.float32(lr)
    before = np.sqrt(np.sum(np.square(np.asarray(model.l1.kernel[...]))))
    loss = _step_with_state(model, optimizer, x, y)
    after = np.sqrt(np.sum(np.square(np.asarray(model.l1.kernel[...]))))
    return np.array([loss, after, before])
