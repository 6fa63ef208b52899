"""Correct trainers whose optimizers know leaves by other names, or that keep what a pass leaves."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_FEW = Optimizers("momentum", "adam", rates=(0.1,))
_INERT = ("selected", "value", "inert")
_net = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(1)])


@struct.dataclass
class _State:
    params: dict
    opt_state: optax.OptState
    tx: optax.GradientTransformation = struct.field(pytree_node=False)


def _create(seed, batch, optimizer):
    params = _net.init(jax.random.key(seed), batch.x)["params"]
    return _State(params, optimizer.init(jax.tree.leaves(params["layers_2"])), optimizer)


@jax.jit
def _step(state, batch):
    """Hand the optimizer the leaves of the head as a list: it knows no name of any."""

    def loss(head):
        params = {**state.params, "layers_2": head}
        return jnp.mean((_net.apply({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params["layers_2"])
    leaves, form = jax.tree.flatten(state.params["layers_2"])
    updates, opt_state = state.tx.update(jax.tree.leaves(grads), state.opt_state, leaves)
    head = jax.tree.unflatten(form, optax.apply_updates(leaves, updates))
    return state.replace(params={**state.params, "layers_2": head}, opt_state=opt_state), value


head_in_a_list = accepted(
    LinenTrainer(_create, _step, frozen=("layers_0",), optimizers=_FEW, promise=_INERT)
)


def _create_adapter(seed, batch, optimizer):
    features = batch.x.shape[1]
    base, adapter = jax.random.normal(jax.random.key(seed), (2, features, 1))
    params = {"kernel": base, "adapter": {"kernel": adapter / 10}}
    return _State(params, optimizer.init(params["adapter"]), optimizer)


@jax.jit
def _step_adapter(state, batch):
    """Train the adapter alone, whose leaf is named as the frozen one, from its own layer on."""

    def loss(adapter):
        prediction = batch.x @ (state.params["kernel"] + adapter["kernel"])
        return jnp.mean((prediction - batch.y) ** 2)

    adapter = state.params["adapter"]
    value, grads = jax.value_and_grad(loss)(adapter)
    updates, opt_state = state.tx.update(grads, state.opt_state, adapter)
    adapter = optax.apply_updates(adapter, updates)
    return state.replace(params={**state.params, "adapter": adapter}, opt_state=opt_state), value


adapter_named_as_what_is_frozen = accepted(
    LinenTrainer(
        _create_adapter,
        _step_adapter,
        frozen=("kernel",),
        optimizers=_FEW,
        promise=(*_INERT, "isolated"),
    )
)


class _Sowing(nnx.Module):
    """A model that leaves what it computed behind, as variables that it had not at first."""

    def __init__(self, inputs, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        hidden = nnx.tanh(self.base(x))
        self.sow(nnx.Intermediate, "hidden", hidden)
        return self.head(hidden)


_trained = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("base")))


def _create_nnx(seed, batch, optimizer):
    model = _Sowing(batch.x.shape[1], nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=_trained)


@nnx.jit
def _step_nnx(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _trained))(model)
    optimizer.update(model, grads)
    model.hidden = nnx.Intermediate(model.hidden.get_value()[-1:])
    return value


intermediates_left_behind = accepted(
    NnxTrainer(_create_nnx, _step_nnx, frozen=("base",), optimizers=_FEW, promise=_INERT)
)
