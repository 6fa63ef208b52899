#!/usr/bin/env bash
# Optax 0.2.8: where the learning rate begins at 0, `prodigy` and `dadapt_adamw` make all they train NaN,
# and `madgrad` moves it; and a pause at 0 later on stops only some of the others.
#
# Expected: a rate of 0 is a step of 0. It is how a warm-up begins, and how a layer is held back until a
# later step. The docstring of `prodigy` recommends a warm-up over the first fifth or less.
#
# What happens: `prodigy` and `dadapt_adamw` estimate a distance as one sum over the past by another, and
# weight both by the rate of each step. Before the first rate above 0 both sums are 0, the estimate is 0/0,
# and `maximum(estim_lr, nan)` keeps the NaN for good: the parameters follow at once, or one step later. A
# rate of 1e-6 is well. `prodigy(safeguard_warmup=True)` has a sum without the rate, and is, too. `madgrad`
# adds its `eps` to the rate. In a pause, what was summed up before goes on: `dadapt_adamw` keeps a
# momentum that holds earlier rates, and `madgrad`, `mechanize` and `schedule_free_*` go on towards a point
# that they remember.
#
# For a freeze: a layer to thaw later, held by a schedule of zeros, is NaN before it thaws, and through the
# loss everything else is one step later. Begin at a rate above 0, or hold the layer by `optax.partition`
# with `set_to_zero()`, and thaw it by another optimizer.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import functools

import jax
import jax.numpy as jnp
import optax
from optax import contrib

start = jnp.array([1.0, -2.0, 0.5])


def loss(params):
    return jnp.sum((params - 3) ** 2)


def after(optimizer, steps):
    state = params = None

    @jax.jit
    def step(params, state):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    params, state = start, optimizer.init(start)
    for _ in range(steps):
        params, state = step(params, state)
    return params


def told(before, now):
    return "NaN" if jnp.isnan(now).any() else "moves" if jnp.any(before != now) else "stays"


def first(rate):
    return optax.join_schedules([lambda _: rate, lambda _: 0.1], [5])


pause = optax.join_schedules([lambda _: 0.1, lambda _: 0.0], [50])
optimizers = {
    "adamw": optax.adamw,
    "lion": optax.lion,
    "adopt": contrib.adopt,
    "ademamix": contrib.ademamix,
    "prodigy": contrib.prodigy,
    "prodigy, safeguard_warmup": functools.partial(contrib.prodigy, safeguard_warmup=True),
    "dadapt_adamw": contrib.dadapt_adamw,
    "dog": contrib.dog,
    "dowg": contrib.dowg,
    "cocob": contrib.cocob,
    "madgrad": contrib.madgrad,
    "mechanize of adam": lambda rate: contrib.mechanize(optax.adam(rate)),
    "schedule_free_sgd": contrib.schedule_free_sgd,
    "schedule_free_adamw": contrib.schedule_free_adamw,
}
print(f"{'':27}0, 5 steps  1e-6, 5 steps  20 steps after  pause")
for name, make in optimizers.items():
    zero = told(start, after(make(first(0.0)), 5))
    tiny = "NaN" if jnp.isnan(after(make(first(1e-6)), 25)).any() else "well"
    later = "NaN" if jnp.isnan(after(make(first(0.0)), 25)).any() else "well"
    paused = told(after(make(pause), 50), after(make(pause), 60))
    print(f"{name:27}{zero:13}{tiny:15}{later:16}{paused}")
PYTHON
)

expected=$(cat <<'TEXT'
                           0, 5 steps  1e-6, 5 steps  20 steps after  pause
adamw                      stays        well           well            stays
lion                       stays        well           well            stays
adopt                      stays        well           well            stays
ademamix                   stays        well           well            stays
prodigy                    NaN          well           NaN             stays
prodigy, safeguard_warmup  stays        well           well            stays
dadapt_adamw               NaN          well           NaN             moves
dog                        stays        well           well            stays
dowg                       stays        well           well            stays
cocob                      stays        well           well            stays
madgrad                    moves        well           well            moves
mechanize of adam          stays        well           well            moves
schedule_free_sgd          stays        well           well            moves
schedule_free_adamw        stays        well           well            moves
TEXT
)

. "$(dirname "$0")/judge.bash"
