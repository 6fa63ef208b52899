#!/usr/bin/env bash
# Flax 0.12.8: `nnx.EMA` averages masks and indices, too: what was once True stays True, and small integers
# only fall, some of them while the model's stays the same.
#
# Expected: an average is of weights. A variable of booleans or integers is either left as it is, or
# follows the model, or is refused, as a key for random numbers is: that raises a TypeError.
#
# What happens: the default filter takes every variable. `update` computes decay · ema + (1 - decay) ·
# value in float32, and stores it into the variable, which keeps its type. As a boolean all but zero is
# True, so that a mask becomes the union of all masks that it ever was. An integer is cut off towards
# zero: a rise of less than 1 / (1 - decay) never arrives, a fall arrives by one a step at least, and
# eagerly a constant goes wrong, since 0.9 · 3 + 0.1 · 3 is 2.9999998 in float32. Compiled, a fused
# multiplication can save the constant, not the rest. JAX says of the types, in a FutureWarning, that they
# do not fit, Flax nothing.
#
# For a freeze: masks of what is frozen or pruned, orders of rows and quantised weights are what does not
# train, so nobody looks at them. The averaged model prunes less than the model, with the rows of another
# order. Say `only=nnx.Param`: then both models share these variables.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import warnings

import jax.numpy as jnp
from flax import nnx

warnings.simplefilter("ignore", FutureWarning)


class Layer(nnx.Module):
    def __init__(self):
        self.kernel = nnx.Param(jnp.ones(3))
        self.kept = nnx.Variable(jnp.array([True, True, True]))
        self.order = nnx.Variable(jnp.arange(10))
        self.stage = nnx.Variable(jnp.array(0))


def average(update, **only):
    model = Layer()
    averaged = nnx.EMA(model, decay=0.9, **only)
    for step in range(1000):
        if step == 1:
            model.kept[...] = jnp.array([True, False, False])
            model.stage[...] = jnp.array(9)
        update(averaged, model)
    return model, averaged.apply_to(model)


def show(name, model):
    kept, order, stage = model.kept[...], model.order[...], model.stage[...]
    print(f"{name}: kept {kept.tolist()}, stage {int(stage)}, order", end=" ")
    print(*order.tolist()) if name != "compiled" else print("not shown")


model, eager = average(nnx.EMA.update)
show("the model", model)
show("eager", eager)
show("compiled", average(nnx.jit(nnx.EMA.update))[1])
show("only=nnx.Param", average(nnx.EMA.update, only=nnx.Param)[1])
PYTHON
)

expected=$(cat <<'TEXT'
the model: kept [True, False, False], stage 9, order 0 1 2 3 4 5 6 7 8 9
eager: kept [True, True, True], stage 0, order 0 1 2 2 4 5 5 6 8 8
compiled: kept [True, True, True], stage 0, order not shown
only=nnx.Param: kept [True, False, False], stage 9, order 0 1 2 3 4 5 6 7 8 9
TEXT
)

. "$(dirname "$0")/judge.bash"
