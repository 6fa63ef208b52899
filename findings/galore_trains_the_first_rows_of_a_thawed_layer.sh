#!/usr/bin/env bash
# Optax 0.2.8: `galore` trains only the first rows of a layer whose gradient was zero when it last looked,
# as many as its rank, for up to 200 steps: of a LoRA's first factor, and of a thawed layer.
#
# Expected: GaLore projects a gradient on the few directions in which it is largest. A layer without a
# gradient stays, and once it has one, trains as any other does.
#
# What happens: the directions come from a singular value decomposition in every 200th step, the first of
# all included, by `update_proj_gap`. That of zeros is no error: it returns the unit vectors, of which the
# first ones are kept. Until the next multiple of 200 the layer trains in the rows (of a matrix that is
# wider than high: columns) 0 to rank - 1, and all others stay to the bit, with nothing to see but a loss
# that falls slowly. A factor of a LoRA is as narrow as its rank, so that a rank of 128 helps no more.
#
# For a freeze: thawing is where it happens, for a layer frozen by its gradient. So is a LoRA whose second
# factor begins with zeros, as is usual: in the first step the first factor has no gradient, nor has any
# layer below a head that begins with zeros. Start the optimizer anew at a thaw, or keep the frozen layer
# outside of it; begin the second factor with numbers that are tiny, but not zero.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

keys = jax.random.split(jax.random.key(0), 4)
x = jax.random.normal(keys[0], (32, 16))
y = x @ jax.random.normal(keys[1], (16, 8))
base = jax.random.normal(keys[2], (16, 8))


def adapted(params, x):
    return x @ (base + params["first"] @ params["second"])


def two_layers(params, x):
    return jnp.tanh(x @ params["first"]) @ params["second"]


def moved_rows(optimizer, predict, width, second, thaw=0):
    """How many rows of the first matrix have moved after 100, 200 and 201 steps."""
    begin = jax.random.normal(keys[3], (16, width))
    params = {"first": begin, "second": jnp.full((width, 8), second)}
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, frozen):
        grads = jax.grad(lambda params: jnp.mean((predict(params, x) - y) ** 2))(params)
        grads["first"] = jnp.where(frozen, 0, grads["first"])
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    counts = []
    for done in range(1, 202):
        params, state = step(params, state, done <= thaw)
        if done in (100, 200, 201):
            counts.append(int(jnp.any(params["first"] != begin, axis=1).sum()))
    return counts


galore, adam = optax.contrib.galore(0.01, rank=4), optax.adam(0.01)
print("rows of 16 that have moved after 100, 200 and 201 steps")
print("LoRA, adam:                   ", moved_rows(adam, adapted, 4, 0.0))
print("LoRA, galore:                 ", moved_rows(galore, adapted, 4, 0.0))
print("LoRA, galore of rank 128:     ", moved_rows(optax.contrib.galore(0.01), adapted, 4, 0.0))
print("LoRA, galore, second of 1e-6: ", moved_rows(galore, adapted, 4, 1e-6))
print("frozen for 10 steps, adam:    ", moved_rows(adam, two_layers, 12, 0.1, thaw=10))
print("frozen for 10 steps, galore:  ", moved_rows(galore, two_layers, 12, 0.1, thaw=10))
print("frozen for no step, galore:   ", moved_rows(galore, two_layers, 12, 0.1))
print("a head of zeros, galore:      ", moved_rows(galore, two_layers, 12, 0.0))
PYTHON
)

expected=$(cat <<'TEXT'
rows of 16 that have moved after 100, 200 and 201 steps
LoRA, adam:                    [16, 16, 16]
LoRA, galore:                  [4, 4, 16]
LoRA, galore of rank 128:      [4, 4, 16]
LoRA, galore, second of 1e-6:  [16, 16, 16]
frozen for 10 steps, adam:     [16, 16, 16]
frozen for 10 steps, galore:   [4, 4, 16]
frozen for no step, galore:    [16, 16, 16]
a head of zeros, galore:       [4, 4, 16]
TEXT
)

. "$(dirname "$0")/judge.bash"
