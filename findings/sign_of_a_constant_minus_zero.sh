#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU: sign(-0.0) is -0.0 eagerly and of an argument of a compiled function, and +0.0
# of a constant inside one; so is asinh.
#
# Expected: `jax.lax.sign` documents -0 for -0, and a value that is closed over is as good as one that is
# handed in. Square root, cube root, sine, floor, expm1 and others keep -0.0 either way.
#
# What happens: XLA evaluates what it knows at compile time by other code than it compiles for the rest,
# and that code drops the sign. It happens in float32, float16 and bfloat16.
#
# For a freeze: a frozen branch that is closed over, and so a constant of the step, may give other bits
# than the same branch with its parameters as arguments; whoever compares the two by bytes has to allow
# for zeros of the other sign. Where the sign counts, hand the value in.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

for dtype in ("float32", "float16", "bfloat16"):
    zero = jnp.array(np.array(-0.0, dtype))
    for function in (lax.sign, lax.asinh, lax.sqrt, lax.sin, lax.floor, lax.expm1):
        signs = {
            "eager": function(zero),
            "argument": jax.jit(function)(zero),
            "constant": jax.jit(lambda function=function, zero=zero: function(zero))(),
        }
        told = ", ".join(f"{how} {'-0' if np.signbit(x) else '+0'}" for how, x in signs.items())
        print(f"{dtype} {function.__name__}: {told}")
PYTHON
)

expected=$(cat <<'TEXT'
float32 sign: eager -0, argument -0, constant +0
float32 asinh: eager -0, argument -0, constant +0
float32 sqrt: eager -0, argument -0, constant -0
float32 sin: eager -0, argument -0, constant -0
float32 floor: eager -0, argument -0, constant -0
float32 expm1: eager -0, argument -0, constant -0
float16 sign: eager -0, argument -0, constant +0
float16 asinh: eager -0, argument -0, constant +0
float16 sqrt: eager -0, argument -0, constant -0
float16 sin: eager -0, argument -0, constant -0
float16 floor: eager -0, argument -0, constant -0
float16 expm1: eager -0, argument -0, constant -0
bfloat16 sign: eager -0, argument -0, constant +0
bfloat16 asinh: eager -0, argument -0, constant +0
bfloat16 sqrt: eager -0, argument -0, constant -0
bfloat16 sin: eager -0, argument -0, constant -0
bfloat16 floor: eager -0, argument -0, constant -0
bfloat16 expm1: eager -0, argument -0, constant -0
TEXT
)

. "$(dirname "$0")/judge.bash"
