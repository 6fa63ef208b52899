#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU: a zero that the compiler knows is not added, so -0 + 0 is -0 and a subnormal
# stays; a zero that comes as data is added, and both become +0.
#
# Expected: -0.0 + 0.0 is +0.0, as IEEE 754 has it and NumPy computes it, eager and compiled alike.
#
# What happens: XLA drops the addition of a constant zero. Whether the bits of a leaf survive
# `apply_updates` with updates of zero depends on where the zeros are made: within the compiled step they
# are constants, at the border of two compiled functions, or eagerly, they are data. A subnormal that is
# really added to is flushed to +0 as well, but for float16, which is added in float32.
#
# For a freeze: `set_to_zero` keeps every bit of a frozen leaf in a step that is compiled as a whole, and
# loses them where `update` and `apply_updates` are two calls. A hash of the frozen weights differs
# between the two programs, though both add nothing but zeros.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax

freeze = optax.set_to_zero()


def whole(params, grads):
    updates, _ = freeze.update(grads, freeze.init(params))
    return optax.apply_updates(params, updates)


def in_two_calls(params, grads):
    updates = jax.jit(lambda grads: freeze.update(grads, freeze.init(grads))[0])(grads)
    return jax.jit(optax.apply_updates)(params, updates)


for dtype in ("float32", "float16", "bfloat16"):
    least = jnp.finfo(dtype).smallest_subnormal
    params = jnp.array(np.array([-0.0, least, 1.0], dtype))
    grads = jnp.ones(3, dtype)
    print(dtype)
    for name, step in {
        "compiled as a whole": jax.jit(whole),
        "compiled in two calls": in_two_calls,
        "not compiled": whole,
    }.items():
        after = np.asarray(step(params, grads))
        kept = [a.tobytes() == b.tobytes() for a, b in zip(np.asarray(params), after, strict=True)]
        print(f"  {name}: bits of -0.0 kept {kept[0]}, of a subnormal {kept[1]}, of 1.0 {kept[2]}")
print("NumPy: -0.0 + 0.0 has a sign:", bool(np.signbit(np.float32(-0.0) + np.float32(0.0))))
PYTHON
)

expected=$(cat <<'TEXT'
float32
  compiled as a whole: bits of -0.0 kept True, of a subnormal True, of 1.0 True
  compiled in two calls: bits of -0.0 kept False, of a subnormal False, of 1.0 True
  not compiled: bits of -0.0 kept False, of a subnormal False, of 1.0 True
float16
  compiled as a whole: bits of -0.0 kept True, of a subnormal True, of 1.0 True
  compiled in two calls: bits of -0.0 kept False, of a subnormal True, of 1.0 True
  not compiled: bits of -0.0 kept False, of a subnormal True, of 1.0 True
bfloat16
  compiled as a whole: bits of -0.0 kept True, of a subnormal True, of 1.0 True
  compiled in two calls: bits of -0.0 kept False, of a subnormal False, of 1.0 True
  not compiled: bits of -0.0 kept False, of a subnormal False, of 1.0 True
NumPy: -0.0 + 0.0 has a sign: False
TEXT
)

. "$(dirname "$0")/judge.bash"
