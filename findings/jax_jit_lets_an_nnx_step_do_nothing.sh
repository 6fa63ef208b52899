#!/usr/bin/env bash
# Flax 0.12.8: a step in place that is compiled by `jax.jit`, not `nnx.jit`, reports its loss and trains
# nothing; a Dropout in it has one mask for all steps, and a test that frozen leaves stay passes.
#
# Expected: an NNX module is an object with state, and transformations of JAX do not know it: without
# `nnx.jit`, JAX raises, as it does of any argument that is no array, and as it did in earlier releases of
# Flax.
#
# What happens: `nnx.Module` is a pytree now (nnx/pytreelib.py registers every subclass with JAX).
# `jax.jit` takes it apart at the border and builds another module inside, with other Variables. These
# belong to the trace that writes them, so that `_check_can_update` (nnx/variablelib.py) has nothing to
# say; what is written is gone with them, and only what the step returns comes out. Where the module is
# closed over, Flax does raise, since the Variables then belong to another trace. It is so under
# `jax.checkpoint`, `jax.grad` and the control flow of `jax.lax`, too: the twin in `nnx` hands on what the
# module remembers, the original drops it.
#
# For a freeze: all that asks whether frozen leaves moved is content. A step that returns the module and
# not the optimizer trains, and begins each step with fresh moments: under Adam all steps have one size,
# the rate. Test that something else moved, the statistics and the counts of random numbers included; take
# the transformation of `nnx`, or return all that the step writes.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import nnx

inputs = jax.random.normal(jax.random.key(0), (8, 3)) + 2


class Model(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.body = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(self.norm(self.body(x))))


def loss(model):
    return jnp.mean((model(inputs) - 1) ** 2)


def step(model, optimizer):
    optimizer.update(model, nnx.grad(loss)(model))


def start():
    model = Model()
    return model, nnx.Optimizer(model, optax.adam(0.1), wrt=nnx.PathContains("head"))


def look(model):
    return {
        "body": model.body.kernel[...],
        "head": model.head.kernel[...],
        "statistics": model.norm.mean[...],
        "random numbers": model.dropout.rngs.count[...],
    }


def show(what, run):
    model, optimizer = start()
    before = look(model)
    try:
        run(model, optimizer)
        moved = [name for name, now in look(model).items() if jnp.any(now != before[name])]
        print(f"{what:28}moves {', '.join(moved) or 'nothing'}")
    except ValueError as error:
        print(f"{what:28}raises:", str(error).split(",")[0])


def forward(transform):
    return lambda model, _: transform(loss)(model)


def turn(_, model):
    loss(model)
    return model


show("step", step)
show("nnx.jit(step)", nnx.jit(step))
show("jax.jit(step)", jax.jit(step))
show("jax.jit, closed over", lambda *both: jax.jit(lambda: step(*both))())
show("nnx.grad", forward(nnx.grad))
show("jax.grad", forward(lambda f: jax.grad(f, allow_int=True)))
show("nnx.remat", forward(nnx.remat))
show("jax.checkpoint", forward(jax.checkpoint))
show("nnx.cond", lambda model, _: nnx.cond(True, loss, loss, model))
show("jax.lax.cond", lambda model, _: jax.lax.cond(True, loss, loss, model))
show("nnx.fori_loop", lambda model, _: nnx.fori_loop(0, 3, turn, model))
show("jax.lax.fori_loop", lambda model, _: jax.lax.fori_loop(0, 3, turn, model))


@jax.jit
def returns_the_model(model, optimizer):
    step(model, optimizer)
    return model


model, optimizer = start()
for _ in range(5):
    before, model = model, returns_the_model(model, optimizer)
    size = jnp.abs(model.head.kernel[...] - before.head.kernel[...])
    assert jnp.allclose(size, 0.1, rtol=1e-3)
print("jax.jit, returns the model: each of 5 steps is 0.1, optimizer.step is", optimizer.step[...])
PYTHON
)

expected=$(cat <<'TEXT'
step                        moves head, statistics, random numbers
nnx.jit(step)               moves head, statistics, random numbers
jax.jit(step)               moves nothing
jax.jit, closed over        raises: Cannot extract graph node from different trace level
nnx.grad                    moves statistics, random numbers
jax.grad                    moves nothing
nnx.remat                   moves statistics, random numbers
jax.checkpoint              moves nothing
nnx.cond                    moves statistics, random numbers
jax.lax.cond                moves nothing
nnx.fori_loop               moves statistics, random numbers
jax.lax.fori_loop           moves nothing
jax.jit, returns the model: each of 5 steps is 0.1, optimizer.step is 0
TEXT
)

. "$(dirname "$0")/judge.bash"
