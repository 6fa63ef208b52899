#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU: `where` on bfloat16 or float8_e5m2 returns another NaN than the one that was
# chosen, and eager `concatenate` does, too; float16, float32 and float8_e4m3fn keep all bits.
#
# Expected: a choice moves elements and computes nothing, so that the chosen element arrives bit for bit.
#
# What happens: XLA widens bfloat16 and float8_e5m2 to float32 for operations that the processor has
# not, choices and concatenations among them. The way back makes one quiet NaN of every NaN: payload and
# signalling bit are lost. Compiled, a concatenation is fused away, and a choice is not.
#
# For a freeze: `where(frozen, old, new)` keeps a frozen bfloat16 leaf in value, but not in bits, if it
# holds a NaN that somebody put there as a marker. A byte-wise hash of the checkpoint then differs.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 ml-dtypes==0.6.0)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np


def marked(dtype):
    """Return the NaN that follows infinity, and an ordinary number."""
    bits = np.array([np.inf, 1.5]).astype(dtype).view(f"u{np.dtype(dtype).itemsize}")
    bits[0] += ml_dtypes.finfo(dtype).max != 448  # float8_e4m3fn has one NaN, and no infinity
    return bits.view(dtype)


def chosen(frozen, leaf):
    return jnp.where(frozen, leaf, jnp.zeros_like(leaf))


def joined(frozen, leaf):
    return jnp.concatenate([leaf, jnp.zeros_like(leaf)])[:2]


for name in ("float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"):
    leaf = marked(getattr(ml_dtypes, name, name))
    said = []
    for function in (chosen, joined):
        for how, run in (("eager", function), ("compiled", jax.jit(function))):
            same = np.asarray(run(jnp.array([True, True]), jnp.asarray(leaf))).tobytes() == leaf.tobytes()
            said.append(f"{function.__name__} {how}: {'the same bits' if same else 'other bits'}")
    print(f"{name}: {'; '.join(said)}")
PYTHON
)

expected=$(cat <<'TEXT'
float32: chosen eager: the same bits; chosen compiled: the same bits; joined eager: the same bits; joined compiled: the same bits
float16: chosen eager: the same bits; chosen compiled: the same bits; joined eager: the same bits; joined compiled: the same bits
bfloat16: chosen eager: other bits; chosen compiled: other bits; joined eager: other bits; joined compiled: the same bits
float8_e5m2: chosen eager: other bits; chosen compiled: other bits; joined eager: other bits; joined compiled: the same bits
float8_e4m3fn: chosen eager: the same bits; chosen compiled: the same bits; joined eager: the same bits; joined compiled: the same bits
TEXT
)

. "$(dirname "$0")/judge.bash"
