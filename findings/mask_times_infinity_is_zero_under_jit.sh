#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU: under `jit`, a gradient times a mask of booleans is 0 even where the gradient
# is infinite or NaN; without `jit`, with a mask of numbers, or with a mask of a smaller shape it is NaN.
#
# Expected: 0 · inf is NaN in IEEE arithmetic, so `grads * mask` is the same NaN however the mask is
# written and whether the step is compiled or not. The well-known advice is to use `where` instead.
#
# What happens: XLA's simplifier turns a product with converted booleans of the same shape into a
# choice, `where(mask, grads, 0)`, and loses NaN, infinities and the sign of zero. It does not do so
# where the mask is a constant of the program, an array of integers or floats, or broadcast.
#
# For a freeze: "gradient times mask" that survived an overflow in a compiled test says nothing of the
# same line run eagerly, with a float mask from a checkpoint, or with one boolean per row. A proof about
# the program before compilation must allow both zeros. Freeze by `where`, or in the optimizer.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

grads = jnp.array([np.inf, np.nan, -5.0, 2.0])
keep = np.array([False, False, False, True])


def masked(grads, mask):
    return grads * mask.astype(grads.dtype)


def by_row(grads, mask):
    return grads[:, None] * mask.astype(grads.dtype)[:1]


for name, function, mask in (
    ("booleans", masked, jnp.array(keep)),
    ("integers", masked, jnp.array(keep, jnp.int32)),
    ("floats", masked, jnp.array(keep, jnp.float32)),
    ("booleans, one for each row", by_row, jnp.array(keep)),
):
    eager, compiled = function(grads, mask), jax.jit(function)(grads, mask)
    print(f"{name}: eager {np.asarray(eager).ravel()}, compiled {np.asarray(compiled).ravel()}")
constant = jax.jit(lambda grads: masked(grads, jnp.array(keep)))(grads)
print(f"booleans, a constant of the program: compiled {np.asarray(constant)}")
PYTHON
)

expected=$(cat <<'TEXT'
booleans: eager [nan nan -0.  2.], compiled [0. 0. 0. 2.]
integers: eager [nan nan -0.  2.], compiled [nan nan -0.  2.]
floats: eager [nan nan -0.  2.], compiled [nan nan -0.  2.]
booleans, one for each row: eager [nan nan -0.  0.], compiled [nan nan -0.  0.]
booleans, a constant of the program: compiled [nan nan -0.  2.]
TEXT
)

. "$(dirname "$0")/judge.bash"
