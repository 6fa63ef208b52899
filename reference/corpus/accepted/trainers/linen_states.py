"""Correct trainers with their own optimizers and states."""

import functools
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

#: Few optimizers, since each is a compilation: nothing here depends on which it is.
FEW = Optimizers("sgd", "adamw", rates=(0.1,))
EXACT = ("selected", "value", "inert", "isolated")


@functools.cache
def partitioned(optimizer, frozen=("body",)):
    """Freeze these layers by `set_to_zero`."""

    def labels(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key in frozen else "trained", params
        )

    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, labels)


class Model(nn.Module):
    """Two layers, body and head."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(4, name="body")(x)))


@functools.cache
def init_of(model):
    """Return a compiled `init`, the same for the same model."""
    return jax.jit(model.init)


def create_for(model, wrap=partitioned, state=TrainState, **fields):
    """Return a `create` for this model; `fields` are made of seed and parameters."""

    def create(seed, batch, optimizer):
        one_row = jax.tree.map(lambda x: x[:1], batch.x)
        params = init_of(model)(jax.random.key(seed), one_row)["params"]
        own = {name: make(seed, params) for name, make in fields.items()}
        return state.create(apply_fn=model.apply, params=params, tx=wrap(optimizer), **own)

    return create


def mse(prediction, y):
    """Return the mean over all rows and columns."""
    return jnp.mean((prediction - y) ** 2)


@jax.jit
def step(state, batch):
    """Take a plain step: what is frozen, the optimizer knows."""

    def loss(params):
        return mse(state.apply_fn({"params": params}, batch.x), batch.y)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


# Their own optimizers.


def _own(optimizer):
    return _OWN


_OWN = partitioned(optax.adam(1e-2))
optimizer_of_its_own = accepted(LinenTrainer(create_for(Model(), _own), step, frozen=("body",)))


@functools.cache
def _every_second(optimizer):
    return optax.MultiSteps(partitioned(optimizer), 2).gradient_transformation()


multi_steps = accepted(
    LinenTrainer(create_for(Model(), _every_second), step, frozen=("body",), optimizers=FEW)
)


@functools.cache
def _warmed_up(optimizer):
    rate = optax.scale_by_schedule(optax.linear_schedule(0.0, 1.0, 2))
    return partitioned(optax.chain(optimizer, rate))


warm_up_from_zero = accepted(
    LinenTrainer(create_for(Model(), _warmed_up), step, frozen=("body",), optimizers=FEW)
)


@functools.cache
def _clipped(optimizer):
    return partitioned(optax.chain(optax.clip_by_global_norm(1.0), optimizer))


clipping_inside = accepted(
    LinenTrainer(
        create_for(Model(), _clipped), step, frozen=("body",), optimizers=FEW, promise=EXACT
    )
)


# Their own states.


class Split(flax.struct.PyTreeNode):
    """Trainable and frozen parameters apart: the optimizer never hears of the latter."""

    head: Any
    body: Any
    slots: Any
    count: Any
    tx: Any = flax.struct.field(pytree_node=False)

    @property
    def params(self):
        """All parameters, as one tree."""
        return {"body": self.body, "head": self.head}


def _create_split(seed, batch, optimizer):
    params = init_of(Model())(jax.random.key(seed), batch.x[:1])["params"]
    head = params["head"]
    return Split(head, params["body"], optimizer.init(head), jnp.zeros((), int), optimizer)


@jax.jit
def _step_split(state, batch):
    def loss(head):
        return mse(Model().apply({"params": {"body": state.body, "head": head}}, batch.x), batch.y)

    value, grads = jax.value_and_grad(loss)(state.head)
    updates, slots = state.tx.update(grads, state.slots, state.head)
    head = optax.apply_updates(state.head, updates)
    return state.replace(head=head, slots=slots, count=state.count + 1), value


def _replaced(state, params):
    return state.replace(head=params["head"], body=params["body"])


split_params = accepted(
    LinenTrainer(
        _create_split,
        _step_split,
        frozen=("body",),
        with_params=_replaced,
        opt_state=lambda state: {"head": state.slots},
        optimizers=FEW,
    )
)


_ADAM = optax.adam(1e-2)


def _tuple_create(seed, batch, optimizer):
    state = _create_split(seed, batch, _ADAM)
    return state.body, state.head, state.slots


def _tuple_step(state, batch):
    body, head, slots = state
    new, value = _step_split(Split(head, body, slots, jnp.zeros((), int), _ADAM), batch)
    return (new.body, new.head, new.slots), value


tuple_for_a_state = accepted(
    LinenTrainer(
        _tuple_create,
        _tuple_step,
        frozen=("backbone",),
        params=lambda state: {"backbone": state[0], "top": state[1]},
        with_params=lambda state, params: (params["backbone"], params["top"], state[2]),
        optimizers=FEW,
    )
)


class Averaged(TrainState):
    """A state with a moving average of the parameters."""

    average: Any = None


@jax.jit
def _averaging(state, batch):
    new, value = step(state, batch)
    # From the parameter and by their difference: equal numbers stay equal.
    average = jax.tree.map(lambda p, a: p + 0.9 * (a - p), new.params, state.average)
    return new.replace(average=average), value


average_of_the_parameters = accepted(
    LinenTrainer(
        create_for(
            Model(), state=Averaged, average=lambda seed, params: jax.tree.map(jnp.copy, params)
        ),
        _averaging,
        frozen=("body",),
        optimizers=FEW,
        promise=EXACT,
    )
)


_gradients = jax.jit(
    jax.value_and_grad(lambda params, batch: mse(_predicted(params, batch), batch.y))
)
_apply = jax.jit(optax.apply_updates, donate_argnums=(0, 1))


def _predicted(params, batch):
    return Model().apply({"params": params}, batch.x)


def _in_three_parts(state, batch):
    """Take gradients in one program, apply updates in another that donates both, and run the
    optimizer between them operation by operation.
    """
    loss, grads = _gradients(state.params, batch)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = _apply(state.params, updates)
    return state.replace(params=params, opt_state=opt_state, step=state.step + 1), loss


updates_donated = accepted(
    LinenTrainer(create_for(Model()), _in_three_parts, frozen=("body",), optimizers=FEW)
)


def _quantised(params):
    return jax.tree.map(lambda leaf: jnp.round(64 * leaf) / 64, params)


def _begun_on_the_grid(seed, batch, optimizer):
    params = _quantised(init_of(Model())(jax.random.key(seed), batch.x)["params"])
    return TrainState.create(apply_fn=Model().apply, params=params, tx=partitioned(optimizer))


@jax.jit
def _quantising(state, batch):
    """Round all weights, of which the frozen ones are round from the start."""
    new, value = step(state, batch)
    return new.replace(params=_quantised(new.params)), value


quantised_weights = accepted(
    LinenTrainer(_begun_on_the_grid, _quantising, frozen=("body",), optimizers=FEW)
)


@jax.tree_util.register_pytree_with_keys_class
class _Session:
    """A training that becomes a tree in its first step: `flatten` asks for what a step measures."""

    def __init__(self, params, tx):
        self.params, self.tx, self.opt_state = params, tx, tx.init(params)

    def tree_flatten_with_keys(self):
        """Show the loss as well, which there is none of at first."""
        key = jax.tree_util.GetAttrKey
        return ((key("params"), self.params), (key("loss"), self.loss)), self.tx

    @classmethod
    def tree_unflatten(cls, tx, children):
        """Begin again."""
        return cls(children[0], tx)

    def train(self, batch):
        """Train in place."""
        self.loss, grads = _gradients(self.params, batch)
        updates, self.opt_state = self.tx.update(grads, self.opt_state, self.params)
        self.params = optax.apply_updates(self.params, updates)
        return self, self.loss


def _session(seed, batch, optimizer):
    params = init_of(Model())(jax.random.key(seed), batch.x)["params"]
    return _Session(params, partitioned(optimizer))


no_tree_at_first = accepted(
    LinenTrainer(
        _session,
        _Session.train,
        frozen=("body",),
        params=lambda session: session.params,
        opt_state=lambda session: session.opt_state,
        optimizers=FEW,
    )
)
