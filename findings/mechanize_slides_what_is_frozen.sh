#!/usr/bin/env bash
# Optax 0.2.8: under `mechanize(sgd)` a layer frozen by its gradient goes on along the line from its start:
# frozen after 10 steps, it ends more than a thousand times as far away; frozen later, it goes back and forth.
#
# Expected: sgd has no momentum and no decay, and `mechanize` only learns the length of its steps. Where the
# gradient is zero there is no step, whatever its length.
#
# What happens: the parameters are no sum of steps. In each step they are computed anew, as the start plus
# one learned scale, common to all leaves, times all that sgd has gathered so far. A zero gradient adds
# nothing to what was gathered, but the scale goes on changing with the other leaves, and with it the whole
# distance of a frozen leaf. The scale begins at a millionth and grows by a factor at each step, so that an
# early freeze is the worst; on another task it may fall first. Only the frozen leaf's direction is kept. Of
# those that learn their rate, `dog`, `dowg` and `cocob` stay to the bit; `prodigy` has the moments of Adam.
#
# For a freeze: a layer that is frozen from the first step on stays, since it gathered nothing, so that a
# test of a few steps passes. One that is frozen half-way, by `stop_gradient` or a mask in front, is another
# layer from then on, by the steps of its neighbours. Freeze behind `mechanize`: set its update to zero.
# The distance is taken from the parameters that are shown to it, so that a later thaw starts from there.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

keys = jax.random.split(jax.random.key(0), 5)
x = jax.random.normal(keys[0], (64, 8))
begin = {
    "backbone": jax.random.normal(keys[1], (8, 16)) / 3,
    "head": jax.random.normal(keys[2], (16, 1)) / 4,
}
first_task, second_task = (
    jnp.tanh(x @ jax.random.normal(key, (8, 4))).sum(axis=1, keepdims=True) for key in keys[3:]
)


def loss(params, y):
    return jnp.mean((jnp.tanh(x @ params["backbone"]) @ params["head"] - y) ** 2)


def distances(optimizer, before, y, behind=False):
    """How far the frozen backbone is from its start, after 0, 10, 100 and 400 more steps."""
    params, state = begin, optimizer.init(begin)

    @jax.jit
    def step(params, state, y, frozen):
        grads = jax.grad(loss)(params, y)
        grads["backbone"] = jnp.where(frozen, 0, grads["backbone"])
        updates, state = optimizer.update(grads, state, params)
        if behind:
            updates["backbone"] = jnp.where(frozen, 0, updates["backbone"])
        return optax.apply_updates(params, updates), state

    for _ in range(before):
        params, state = step(params, state, first_task, False)
    frozen = params["backbone"]
    went = [frozen - begin["backbone"]]
    for done in range(1, 401):
        params, state = step(params, state, y, True)
        if done in (10, 100, 400):
            went.append(params["backbone"] - begin["backbone"])
    lengths = [float(jnp.linalg.norm(way)) for way in went]
    same = bool((params["backbone"] == frozen).all())
    cosine = jnp.sum(went[0] * went[-1]) / (lengths[0] * lengths[-1] + 1e-30)
    return lengths, same, float(cosine)


others = {
    "sgd": optax.sgd(0.1),
    "dog": optax.contrib.dog(),
    "dowg": optax.contrib.dowg(),
    "cocob": optax.contrib.cocob(),
}
for name, optimizer in others.items():
    print(f"{name}: stays to the bit: {distances(optimizer, 100, second_task)[1]}")

mechanized = optax.contrib.mechanize(optax.sgd(1.0))
print("mechanize, frozen from the first step on, stays to the bit:",
      distances(mechanized, 0, first_task)[1])
lengths, _, _ = distances(mechanized, 1, first_task)
print("frozen after 1 step, on the same task, 100 steps later:",
      f"over 10,000 times as far from its start: {lengths[2] > 10_000 * lengths[0]}")
lengths, _, cosine = distances(mechanized, 10, first_task)
print("frozen after 10 steps, on the same task, 100 steps later:",
      f"over 1,000 times as far: {lengths[2] > 1000 * lengths[0]}")
print(f"  on one line with its start: {cosine > 0.9999}")
lengths, _, cosine = distances(mechanized, 300, second_task)
print("frozen after 300 steps, on another task, 10 steps later:",
      f"less than 0.7 times as far: {lengths[1] < 0.7 * lengths[0]}")
print(f"  400 steps later: over 1.4 times as far: {lengths[3] > 1.4 * lengths[0]}")
print(f"  on one line with its start: {cosine > 0.9999}")
print("frozen behind mechanize, stays to the bit:",
      distances(mechanized, 300, second_task, behind=True)[1])
PYTHON
)

expected=$(cat <<'TEXT'
sgd: stays to the bit: True
dog: stays to the bit: True
dowg: stays to the bit: True
cocob: stays to the bit: True
mechanize, frozen from the first step on, stays to the bit: True
frozen after 1 step, on the same task, 100 steps later: over 10,000 times as far from its start: True
frozen after 10 steps, on the same task, 100 steps later: over 1,000 times as far: True
  on one line with its start: True
frozen after 300 steps, on another task, 10 steps later: less than 0.7 times as far: True
  400 steps later: over 1.4 times as far: True
  on one line with its start: True
frozen behind mechanize, stays to the bit: True
TEXT
)

. "$(dirname "$0")/judge.bash"
