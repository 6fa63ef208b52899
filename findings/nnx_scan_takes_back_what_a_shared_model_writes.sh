#!/usr/bin/env bash
# Flax 0.12.8: `nnx.scan` takes back all that a model at axis None wrote: its BatchNorm keeps its statistics, its
# Dropout one mask for good, and a training step trains nothing. With `graph_updates=False` everything stays.
#
# Expected: None in `in_axes` is for a model that all rounds share, as for `nnx.vmap`, and `nnx.scan` hands on what
# is written within, as `nnx.jit`, `nnx.cond` and `nnx.fori_loop` do. Where it cannot, it raises as `vmap` does. The
# argument `graph_updates` is documented as about changes of the structure, such as a new layer.
#
# What happens: `nnx.scan` has two implementations (transforms/iteration.py). By default, `ScanFn.__call__` splits
# the model after each round and drops what belongs to None; the list is commented with "discarded". Each round,
# and the next call, begins with the model as it was. With `graph_updates=False` or `graph=False` `SimpleScanFn`
# runs, which hands these variables from round to round and writes them back in the end. So the same line trains
# or does not, by an argument or by `nnx.set_graph_updates` far away, and losses are reported either way.
#
# For a freeze: a frozen backbone that is applied to each step of a sequence is a model at None. A BatchNorm that is
# to adapt in it is frozen, too, and evaluation runs with means of 0 and variances of 1. A training loop in a scan
# freezes everything, and the test that the backbone stays passes. Name what may be written:
# `nnx.StateAxes({Frozen: None, ...: nnx.Carry})`, with all that trains among the rest: with Params at None beside
# an optimizer whose state is carried, the optimizer counts its steps and the Params stay.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 orbax-checkpoint==0.12.8 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import nnx

batches = jax.random.normal(jax.random.key(0), (4, 8, 3)) + 2
all_carried = nnx.StateAxes({...: nnx.Carry})
params_shared = nnx.StateAxes({nnx.Param: None, ...: nnx.Carry})


class Encoder(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.linear = nnx.Linear(3, 64, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.norm(self.linear(x)))


def encode(model, x):
    return model(x)


def step(model, optimizer, x):
    """A training step in place; its loss."""
    loss, grads = nnx.value_and_grad(lambda model: jnp.mean((model(x) - 1) ** 2))(model)
    optimizer.update(model, grads)
    return loss


def by_scan(axis, **mode):
    def run(function, *objects):
        return nnx.scan(function, in_axes=(*[axis] * len(objects), 0), out_axes=0, **mode)(*objects, batches)

    return run


def by_loop(function, *objects):
    return jnp.stack([function(*objects, batch) for batch in batches])


def by_vmap(function, *objects):
    return nnx.vmap(function, in_axes=(*[None] * len(objects), 0))(*objects, batches)


def moved(variable, before):
    return bool((variable[...] != before[...]).any())


ways = {
    "a loop": by_loop,
    "scan, None": by_scan(None),
    "scan, None, graph_updates=False": by_scan(None, graph_updates=False),
    "scan, None, graph=False": by_scan(None, graph=False),
    "scan, all carried": by_scan(all_carried),
    "scan, Params at None": by_scan(params_shared),
    "vmap, None": by_vmap,
}
for name, run in ways.items():
    print(name)
    start, model, trained = Encoder(), Encoder(), Encoder()
    optimizer = nnx.Optimizer(trained, optax.sgd(0.1), wrt=nnx.Param)
    try:
        outputs = jax.device_get([*run(encode, model), *run(encode, model)])
        losses = run(step, trained, optimizer)
    except ValueError as error:
        print(" ", type(error).__name__)
        continue
    print("  masks of Dropout in 8 batches:", len({(output == 0).tobytes() for output in outputs}))
    print("  statistics move:", moved(model.norm.mean, start.norm.mean))
    print("  losses:", len(losses), "steps:", int(optimizer.step[...]), end=" ")
    print("trained:", moved(trained.linear.kernel, start.linear.kernel))
PYTHON
)

expected=$(cat <<'TEXT'
a loop
  masks of Dropout in 8 batches: 8
  statistics move: True
  losses: 4 steps: 4 trained: True
scan, None
  masks of Dropout in 8 batches: 1
  statistics move: False
  losses: 4 steps: 0 trained: False
scan, None, graph_updates=False
  masks of Dropout in 8 batches: 8
  statistics move: True
  losses: 4 steps: 4 trained: True
scan, None, graph=False
  masks of Dropout in 8 batches: 8
  statistics move: True
  losses: 4 steps: 4 trained: True
scan, all carried
  masks of Dropout in 8 batches: 8
  statistics move: True
  losses: 4 steps: 4 trained: True
scan, Params at None
  masks of Dropout in 8 batches: 8
  statistics move: True
  losses: 4 steps: 4 trained: False
vmap, None
  ValueError
TEXT
)

. "$(dirname "$0")/judge.bash"
