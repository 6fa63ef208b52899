"""Correct trainers with Flax NNX: filters, types, optimizers, functional steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

#: Few optimizers, since each is a compilation: nothing here depends on which it is.
FEW = Optimizers("sgd", "adamw", rates=(0.1,))
STILL = Optimizers("sgd", "adam", rates=(0.1,))
EXACT = ("selected", "bits", "inert", "isolated")
plainly = {"frozen": ("l1",), "optimizers": FEW}


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


rest = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1")))


def create_with(make=TwoLayer, wrt=rest, wrap=lambda optimizer: optimizer):
    """Return a `create` of this module, whose optimizer sees what `wrt` filters."""

    def create(seed, batch, optimizer):
        model = make(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, wrap(optimizer), wrt=wrt)

    return create


def stepping(wrt=rest, change=lambda grads: grads):
    """Return a step whose gradients are those of a filter, and may be changed."""

    @nnx.jit
    def step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, wrt))(model, batch)
        optimizer.update(model, change(grads))
        return loss

    return step


step, full_step = stepping(), stepping(nnx.Param)


@nnx.jit
def _silently(model, optimizer, batch):
    step(model, optimizer, batch)


answering_nothing = accepted(NnxTrainer(create_with(), _silently, **plainly))


# Techniques.

_judged = {**plainly, "loss": "mse"}
diff_state = accepted(
    NnxTrainer(create_with(), step, predict=lambda model, x: model(x), promise=EXACT, **_judged)
)

compiled_predict = accepted(
    NnxTrainer(create_with(), step, predict=nnx.jit(lambda model, x: model(x)), **_judged)
)


def _zero(grads):
    return jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.zeros_like(g) if path[0].key == "l1" else g, grads
    )


gradients_zeroed = accepted(
    NnxTrainer(
        create_with(wrt=nnx.Param), stepping(nnx.Param, _zero), frozen=("l1",), optimizers=STILL
    )
)


@functools.cache
def _partitioned(optimizer):
    def labels(state):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key == "l1" else "trained", state
        )

    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


partition_by_path = accepted(
    NnxTrainer(create_with(wrt=nnx.Param, wrap=_partitioned), full_step, **plainly)
)


@functools.cache
def _masked(optimizer):
    def mask(tree):
        return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key == "l1", tree)

    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))


masked_set_to_zero = accepted(
    NnxTrainer(create_with(wrt=nnx.Param, wrap=_masked), full_step, **plainly)
)


class Frozen(nnx.Variable):
    """A variable that is not an `nnx.Param`, so that filters for Param skip it."""


class WithFrozenType(TwoLayer):
    """The weights of `l1` have another type."""

    def __init__(self, inputs, *, rngs):
        """Replace the variables of `l1`."""
        super().__init__(inputs, rngs=rngs)
        self.l1.kernel = Frozen(self.l1.kernel[...])
        self.l1.bias = Frozen(self.l1.bias[...])


type_of_its_own = accepted(
    NnxTrainer(create_with(WithFrozenType, nnx.Param), full_step, promise=EXACT, **plainly)
)


def _restoring(model, optimizer, batch):
    kept = jax.tree.map(jnp.copy, nnx.state(model.l1))
    loss = full_step(model, optimizer, batch)
    nnx.update(model.l1, kept)
    return loss


restored_after_the_update = accepted(NnxTrainer(create_with(wrt=nnx.Param), _restoring, **plainly))


class Stopped(TwoLayer):
    """The gradient stops at the hidden layer, below which lies only the frozen one."""

    def __call__(self, x):
        """Predict one column."""
        return self.l2(jax.lax.stop_gradient(nnx.relu(self.l1(x))))


stop_gradient_inside = accepted(
    NnxTrainer(create_with(Stopped, nnx.Param), full_step, frozen=("l1",), optimizers=STILL)
)


# How the step is run.


@jax.jit
def _pure(graph, state, batch):
    model, optimizer = nnx.merge(graph, state)
    loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, rest))(model, batch)
    optimizer.update(model, grads)
    return nnx.state((model, optimizer)), loss


def _split_and_merge(model, optimizer, batch):
    graph, state = nnx.split((model, optimizer))
    state, loss = _pure(graph, state, batch)
    nnx.update((model, optimizer), state)
    return loss


split_and_merge = accepted(NnxTrainer(create_with(), _split_and_merge, **plainly))


def _eager(model, optimizer, batch):
    loss, grads = nnx.value_and_grad(_mse, argnums=nnx.DiffState(0, rest))(model, batch)
    optimizer.update(model, grads)
    return float(loss)


without_jit = accepted(NnxTrainer(create_with(), _eager, promise=EXACT, **plainly))


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


optimizer_by_hand = accepted(
    NnxTrainer(_create_slots, _by_hand, opt_state=lambda slots: {"l2": slots.state}, **plainly)
)


# Which leaves there are.

kernel_alone = accepted(
    NnxTrainer(
        create_with(wrt=nnx.All(nnx.Param, nnx.Not(lambda path, _: path == ("l1", "kernel")))),
        stepping(nnx.All(nnx.Param, nnx.Not(lambda path, _: path == ("l1", "kernel")))),
        frozen=lambda path: path == ("l1", "kernel"),
        optimizers=FEW,
    )
)

no_bias = accepted(
    NnxTrainer(create_with(functools.partial(TwoLayer, use_bias=False)), step, **plainly)
)

nothing_frozen = accepted(
    NnxTrainer(create_with(wrt=nnx.Param), full_step, frozen=(), optimizers=FEW)
)


@functools.cache
def _to_zero(optimizer):
    return optax.chain(optimizer, optax.set_to_zero())


everything_frozen = accepted(
    NnxTrainer(
        create_with(wrt=nnx.Param, wrap=_to_zero),
        full_step,
        frozen=("l1", "l2"),
        optimizers=FEW,
        promise=("value",),  # not "selected": nothing is left to train
    )
)


class _Kept(nnx.Variable):
    """What does not train at the moment; it is not a parameter to Flax."""


def _create_kept(seed, batch, optimizer):
    return _keep(TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed)), optimizer, ("l1",))


def _keep(model, optimizer, frozen):
    """Give every variable the type that says whether it trains, and begin a new optimizer."""
    for name in ("l1", "l2"):
        for leaf in ("kernel", "bias"):
            kept = any(each in (name, f"{name}/{leaf}") for each in frozen)
            layer = getattr(model, name)
            setattr(layer, leaf, (_Kept if kept else nnx.Param)(getattr(layer, leaf)[...]))
    return model, nnx.Optimizer(model, getattr(optimizer, "tx", optimizer), wrt=nnx.Param)


types_that_freeze = accepted(
    NnxTrainer(
        _create_kept,
        stepping(nnx.Param),
        frozen=("l1",),
        refreeze=_keep,
        optimizers=FEW,
        promise=("selected", "bits"),
    )
)
