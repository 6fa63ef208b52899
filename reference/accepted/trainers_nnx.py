"""Correct trainers with Flax NNX: filters, types, functional steps, statistics and noise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof import NnxTrainer
from frostproof.strategies.optimizers import named

#: Few optimizers, since each is a compilation: nothing here depends on which it is.
FEW = named("sgd", "adamw", learning_rates=(0.1,))
STILL = named("sgd", "adam", learning_rates=(0.1,))
EXACT = ("selected", "bits", "inert", "isolated")
_plainly = {"frozen": ("l1",), "optimizers": FEW}


class TwoLayer(nnx.Module):
    """`l2(relu(l1(x)))`."""

    def __init__(self, inputs, *, rngs, use_bias=True):
        """Make `l1` first: each layer takes the next random numbers."""
        self.l1 = nnx.Linear(inputs, 4, use_bias=use_bias, rngs=rngs)
        self.l2 = nnx.Linear(4, 1, use_bias=use_bias, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(nnx.relu(self.l1(x)))


def _mse(model, batch):
    return jnp.mean((model(batch.x) - batch.y) ** 2)


_rest = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1")))


def _create(make=TwoLayer, wrt=_rest, wrap=lambda optimizer: optimizer):
    def create(seed, batch, optimizer):
        model = make(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, wrap(optimizer), wrt=wrt)

    return create


def _stepping(wrt=_rest, change=lambda grads: grads):
    @nnx.jit
    def step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, wrt))(model, batch)
        optimizer.update(model, change(grads))
        return loss

    return step


_step, _full_step = _stepping(), _stepping(nnx.Param)


# Techniques.

_judged = {**_plainly, "loss": "mse"}
diff_state = NnxTrainer(
    _create(), _step, predict=lambda model, x: model(x), promise=EXACT, **_judged
)

compiled_predict = NnxTrainer(
    _create(), _step, predict=nnx.jit(lambda model, x: model(x)), **_judged
)


def _zero(grads):
    return jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.zeros_like(g) if path[0].key == "l1" else g, grads
    )


gradients_zeroed = NnxTrainer(
    _create(wrt=nnx.Param), _stepping(nnx.Param, _zero), frozen=("l1",), optimizers=STILL
)


@functools.cache
def _partitioned(optimizer):
    def labels(state):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key == "l1" else "trained", state
        )

    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


partition_by_path = NnxTrainer(_create(wrt=nnx.Param, wrap=_partitioned), _full_step, **_plainly)


@functools.cache
def _masked(optimizer):
    def mask(tree):
        return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key == "l1", tree)

    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))


masked_set_to_zero = NnxTrainer(_create(wrt=nnx.Param, wrap=_masked), _full_step, **_plainly)


class Frozen(nnx.Variable):
    """A variable that is no `nnx.Param`, so that filters for Param pass it by."""


class WithFrozenType(TwoLayer):
    """The weights of `l1` have a type of their own."""

    def __init__(self, inputs, *, rngs):
        """Replace the variables of `l1`."""
        super().__init__(inputs, rngs=rngs)
        self.l1.kernel = Frozen(self.l1.kernel[...])
        self.l1.bias = Frozen(self.l1.bias[...])


type_of_its_own = NnxTrainer(
    _create(WithFrozenType, nnx.Param), _full_step, promise=EXACT, **_plainly
)


def _restoring(model, optimizer, batch):
    kept = jax.tree.map(jnp.copy, nnx.state(model.l1))
    loss = _full_step(model, optimizer, batch)
    nnx.update(model.l1, kept)
    return loss


restored_after_the_update = NnxTrainer(_create(wrt=nnx.Param), _restoring, **_plainly)


class Stopped(TwoLayer):
    """The gradient stops at the hidden layer, below which lies only the frozen one."""

    def __call__(self, x):
        """Predict one column."""
        return self.l2(jax.lax.stop_gradient(nnx.relu(self.l1(x))))


stop_gradient_inside = NnxTrainer(
    _create(Stopped, nnx.Param), _full_step, frozen=("l1",), optimizers=STILL
)


# How the step is run.


@jax.jit
def _pure(graph, state, batch):
    model, optimizer = nnx.merge(graph, state)
    loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, _rest))(model, batch)
    optimizer.update(model, grads)
    return nnx.state((model, optimizer)), loss


def _split_and_merge(model, optimizer, batch):
    graph, state = nnx.split((model, optimizer))
    state, loss = _pure(graph, state, batch)
    nnx.update((model, optimizer), state)
    return loss


split_and_merge = NnxTrainer(_create(), _split_and_merge, **_plainly)


def _eager(model, optimizer, batch):
    loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, _rest))(model, batch)
    optimizer.update(model, grads)
    return float(loss)


without_jit = NnxTrainer(_create(), _eager, promise=EXACT, **_plainly)


class Slots:
    """An optimizer in no module: the transformation and its state, by hand."""

    def __init__(self, tx, params):
        """Start from fresh state."""
        self.tx = tx
        self.state = tx.init(params)


def _create_slots(seed, batch, optimizer):
    model = TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed))
    return model, Slots(optimizer, nnx.to_pure_dict(nnx.state(model.l2)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _slots_step(tx, graph, body, head, slots, batch):
    def loss(head):
        return _mse(nnx.merge(graph, {"l1": body, "l2": head}), batch)

    value, grads = jax.value_and_grad(loss)(head)
    updates, slots = tx.update(grads, slots, head)
    return optax.apply_updates(head, updates), slots, value


def _by_hand(model, slots, batch):
    graph, state = nnx.split(model)
    pure = nnx.to_pure_dict(state)
    head, slots.state, loss = _slots_step(
        slots.tx, graph, pure["l1"], pure["l2"], slots.state, batch
    )
    nnx.update(model.l2, head)
    return np.float32(loss)


optimizer_by_hand = NnxTrainer(
    _create_slots, _by_hand, opt_state=lambda slots: {"l2": slots.state}, **_plainly
)


# Which leaves there are.

kernel_alone = NnxTrainer(
    _create(wrt=nnx.All(nnx.Param, nnx.Not(lambda path, _: path == ("l1", "kernel")))),
    _stepping(nnx.All(nnx.Param, nnx.Not(lambda path, _: path == ("l1", "kernel")))),
    frozen=lambda path: path == ("l1", "kernel"),
    optimizers=FEW,
)

no_bias = NnxTrainer(_create(functools.partial(TwoLayer, use_bias=False)), _step, **_plainly)

nothing_frozen = NnxTrainer(_create(wrt=nnx.Param), _full_step, frozen=(), optimizers=FEW)


@functools.cache
def _to_zero(optimizer):
    return optax.chain(optimizer, optax.set_to_zero())


everything_frozen = NnxTrainer(
    _create(wrt=nnx.Param, wrap=_to_zero), _full_step, frozen=("l1", "l2"), optimizers=FEW
)


class Siblings(nnx.Module):
    """Layers whose names are prefixes and suffixes of each other, side by side."""

    def __init__(self, inputs, *, rngs):
        """Make the layers."""
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l11 = nnx.Linear(inputs, 4, rngs=rngs)
        self.xl1 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.xl1(jnp.tanh(self.l1(x) + self.l11(x)))


names_alike = NnxTrainer(_create(Siblings), _step, promise=EXACT, **_plainly)


class Tied(nnx.Module):
    """The same weights twice, and a head of their own."""

    def __init__(self, inputs, *, rngs):
        """Tie the second layer to the first."""
        self.l1 = nnx.Linear(inputs, inputs, rngs=rngs)
        self.again = nnx.Linear(inputs, inputs, rngs=rngs)
        self.again.kernel = self.l1.kernel
        self.l2 = nnx.Linear(inputs, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(jnp.tanh(self.again(jnp.tanh(self.l1(x)))))


# The state of a module names tied weights once, by what sorts first.
_untied = nnx.All(nnx.Param, nnx.Not(nnx.Any(nnx.PathContains("l1"), nnx.PathContains("again"))))
tied_weights = NnxTrainer(
    _create(Tied, _untied), _stepping(_untied), frozen=("again", "l1"), optimizers=FEW
)


# Statistics and noise.


class Normalised(TwoLayer):
    """`l1` normalises by its statistics as they are."""

    def __init__(self, inputs, *, rngs):
        """Put the normalisation inside of `l1`."""
        super().__init__(inputs, rngs=rngs)
        norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.l1 = nnx.Sequential(self.l1, norm)


statistics_in_use = NnxTrainer(_create(Normalised), _step, promise=EXACT, **_plainly)


class Dropping(TwoLayer):
    """A model with Dropout, whose random state moves."""

    def __init__(self, inputs, *, rngs):
        """Add the Dropout."""
        super().__init__(inputs, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(self.dropout(nnx.relu(self.l1(x))))


dropout = NnxTrainer(_create(Dropping), _step, **_plainly)
