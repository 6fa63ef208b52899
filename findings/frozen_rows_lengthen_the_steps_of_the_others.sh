#!/usr/bin/env bash
# Optax 0.2.8: one new row of a table, beside 4095 rows frozen by their gradient, gets over 50 times as far as alone
# under `lamb`, `lars` and `fromage`, over 10 times under `dog`, and less than a tenth as far under `muon`.
#
# Expected: rows whose gradient is zero are constants for the row that trains. What could couple them is a statistic
# that rows share: the factored moments of `adafactor`, or the accumulators of `sm3` by axis.
#
# What happens: of these two nothing is seen. In `scale_by_factored_rms` the number of rows cancels out, and `sm3`
# takes the smaller of two accumulators. It is the array as a whole that couples. `scale_by_trust_ratio` and
# `fromage` make a step in proportion to its norm, which is 64 times that of one row, and `dog` takes a fraction of
# that norm for its first step. `adaptive_grad_clip` compares norms of columns (`unitwise_norm`), which in a table go
# over all tokens, and clips nearly nothing. `muon` makes the row one of length 1 and multiplies it by the root of
# columns by rows, if that is above 1 (`_scale_update_for_width_transfer`): 16 for a row alone, 1 in the table.
#
# For a freeze: to train the embeddings of new tokens alone is a mask over the rows of one array, and a rate that was
# tuned on a small table is another one on a large one. Keep the new rows in an array of their own, which is what
# "alone" is here, and concatenate in the model.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax import contrib

ROWS, WIDTH, STEPS, rate = 4096, 256, 20, 1e-3
table = 0.02 * jax.random.normal(jax.random.key(0), (ROWS, WIDTH))
gradients = 0.01 * (0.5 + jax.random.normal(jax.random.key(1), (STEPS, WIDTH)))


def clipped(clip):
    return optax.chain(clip, optax.sgd(rate))


optimizers = {
    "sgd": optax.sgd(rate),
    "clip_by_global_norm": clipped(optax.clip_by_global_norm(0.01)),
    "adam": optax.adam(rate),
    "novograd": optax.novograd(rate),
    "adafactor": optax.adafactor(rate),
    "sm3": optax.sm3(rate),
    "lamb": optax.lamb(rate),
    "lars": optax.lars(rate),
    "fromage": optax.fromage(rate),
    "adaptive_grad_clip": clipped(optax.adaptive_grad_clip(0.01)),
    "dog": contrib.dog(),
    "muon": contrib.muon(rate),
}


def way(tx, params):
    """How far the first row gets, where all other rows have a gradient of zero."""

    def step(carry, gradient):
        params, state = carry
        updates, state = tx.update({"table": jnp.zeros_like(params["table"]).at[0].set(gradient)}, state, params)
        return (optax.apply_updates(params, updates), state), None

    (after, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, gradients))((params, tx.init(params)))
    return np.linalg.norm(after["table"][0] - params["table"][0])


def in_words(ratio):
    bounds = [bound for bound in (50, 30, 10, 1.1) if ratio > bound]
    if bounds:
        return f"over {bounds[0]} times as far"
    return "as far" if ratio > 0.9 else "less than a tenth as far" if ratio < 0.1 else "less far"


print("the row that trains gets, compared with alone:")
for name, tx in optimizers.items():
    print(f"  {name}: {in_words(way(tx, {'table': table}) / way(tx, {'table': table[:1]}))}")
PYTHON
)

expected=$(cat <<'TEXT'
the row that trains gets, compared with alone:
  sgd: as far
  clip_by_global_norm: as far
  adam: as far
  novograd: as far
  adafactor: as far
  sm3: as far
  lamb: over 50 times as far
  lars: over 50 times as far
  fromage: over 50 times as far
  adaptive_grad_clip: over 30 times as far
  dog: over 10 times as far
  muon: less than a tenth as far
TEXT
)

. "$(dirname "$0")/judge.bash"
