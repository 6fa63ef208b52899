"""Correct trainers with copies that follow what trains: target networks, teachers, averages."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value"),
}


def _layers(seed, inputs, dtype=jnp.float32):
    base, head = jax.random.split(jax.random.key(seed))
    return {
        "base": jax.random.normal(base, (inputs, 4), dtype),
        "head": jax.random.normal(head, (4, 1), dtype),
    }


def _forward(layers, x):
    return jnp.tanh(x @ layers["base"]) @ layers["head"]


class _WithTarget(TrainState):
    target: Any = None


def _create_with_target(dtype, make):
    def create(seed, batch, optimizer):
        params = _layers(seed, batch.x.shape[1], dtype)
        tx = _partitioned(optimizer)
        return _WithTarget.create(apply_fn=_forward, params=params, tx=tx, target=make(params))

    return create


def _partitioned(optimizer):
    if optimizer not in _wrapped:
        labels = {"base": "frozen", "head": "trained"}
        transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
        _wrapped[optimizer] = optax.partition(transforms, labels)
    return _wrapped[optimizer]


_wrapped: dict = {}


def _bootstrapped(follow):
    """Return a step towards what the target network predicts, which then follows."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            goal = 0.5 * _forward(state.target, batch.x) + batch.y
            return jnp.mean((_forward(params, batch.x) - goal) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        new = state.apply_gradients(grads=grads)
        return new.replace(target=follow(new.params, state.target)), value

    return step


polyak_target = accepted(
    LinenTrainer(
        _create_with_target(jnp.float32, lambda params: jax.tree.map(jnp.zeros_like, params)),
        _bootstrapped(lambda new, old: optax.incremental_update(new, old, 0.05)),
        frozen=("base",),
        copies={"target": ("params", 0.05)},
        **_declared,
    )
)


_DECAY = 0.999


@jax.jit
def _debiased(state, batch):
    """Keep an average that begins with zeros, and what it is once that is corrected: in the first
    step the parameters themselves, but for rounding.
    """
    new, loss = _half(state, batch)
    raw = optax.incremental_update(new.params, state.target["raw"], 1 - _DECAY)
    mean = jax.tree.map(lambda leaf: leaf / (1 - _DECAY**new.step), raw)
    return new.replace(target={"raw": raw, "mean": mean}), loss


def _zeros(params):
    return {name: jax.tree.map(jnp.zeros_like, params) for name in ("raw", "mean")}


debiased_average = accepted(
    LinenTrainer(
        _create_with_target(jnp.float32, _zeros),
        _debiased,
        frozen=("base",),
        copies={
            "target/raw": ("params", 1 - _DECAY),
            "target/mean": ("params", lambda step: (1 - _DECAY) / (1 - _DECAY**step)),
        },
        **_declared,
    )
)


def _warmed_up(state, batch):
    """Average half-precision weights in float32, at a rate that falls."""
    new, loss = _half(state, batch)
    rate = jnp.maximum(0.1, 1.0 / (1.0 + new.step))
    target = jax.tree.map(
        lambda average, leaf: average + rate * (leaf.astype(jnp.float32) - average),
        state.target,
        new.params,
    )
    return new.replace(target=target), loss


@jax.jit
def _half(state, batch):
    value, grads = jax.value_and_grad(lambda p: jnp.mean((_forward(p, batch.x) - batch.y) ** 2))(
        state.params
    )
    return state.apply_gradients(grads=grads), value


average_of_half_precision = accepted(
    LinenTrainer(
        _create_with_target(
            jnp.bfloat16, lambda p: jax.tree.map(lambda leaf: leaf.astype(jnp.float32), p)
        ),
        jax.jit(_warmed_up),
        frozen=("base",),
        copies={"target": ("params", lambda step: max(0.1, 1 / (1 + step)))},
        **_declared,
    )
)


def _create_pair(seed, batch, optimizer):
    online = _layers(seed, batch.x.shape[1])
    params = {"online": online, "target": jax.tree.map(jnp.copy, online)}
    return TrainState.create(apply_fn=_forward, params=params, tx=optimizer)


@jax.jit
def _copy_every_third_step(state, batch):
    """Copy as the step begins: the target is what was online before the update."""

    def loss(online):
        target = 0.5 * _forward(state.params["target"], batch.x) + batch.y
        return jnp.mean((_forward(online, batch.x) - target) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params["online"])
    zeros = jax.tree.map(jnp.zeros_like, grads)
    new = state.apply_gradients(grads={"online": grads, "target": zeros})
    copied = new.step % 3 == 0
    target = jax.tree.map(
        lambda new, old: jnp.where(copied, new, old),
        state.params["online"],
        state.params["target"],
    )
    return new.replace(params={"online": new.params["online"], "target": target}), value


copied_every_third_step = accepted(
    LinenTrainer(
        _create_pair,
        _copy_every_third_step,
        frozen=(),
        copies={"params/target": ("params/online", lambda step: float(step % 3 == 0))},
        **_declared,
    )
)


class _Net(nnx.Module):
    def __init__(self, inputs, rngs):
        self.dense = nnx.Linear(inputs, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(self.norm(self.dense(x)))


class _Distilled(nnx.Module):
    def __init__(self, inputs, seed):
        self.student = _Net(inputs, nnx.Rngs(seed))
        self.teacher = _Net(inputs, nnx.Rngs(seed + 1))
        self.teacher.eval()


_of_student = nnx.All(nnx.Param, nnx.PathContains("student"), nnx.Not(nnx.PathContains("head")))


def _create_distilled(seed, batch, optimizer):
    model = _Distilled(batch.x.shape[1], seed)
    return model, nnx.Optimizer(model, optimizer, wrt=_of_student)


@nnx.jit
def _distil(model, optimizer, batch):
    """Train towards the teacher, of which weights and statistics follow the student."""

    def loss(model):
        goal = jax.lax.stop_gradient(model.teacher(batch.x)) + batch.y
        return jnp.mean((model.student(batch.x) - goal) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _of_student))(model)
    optimizer.update(model, grads)
    kinds = (nnx.Param, nnx.BatchStat)
    nnx.update(
        model.teacher,
        jax.tree.map(
            lambda old, new: 0.9 * old + 0.1 * new,
            nnx.state(model.teacher, kinds),
            nnx.state(model.student, kinds),
        ),
    )
    return value


teacher_with_statistics = accepted(
    NnxTrainer(
        _create_distilled,
        _distil,
        frozen=("student/head",),
        copies={"teacher": ("student", 0.1)},
        **_declared,
    )
)
