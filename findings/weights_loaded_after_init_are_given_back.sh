#!/usr/bin/env bash
# Optax 0.2.8: weights that are loaded after `init` are given back in the first step under `cocob` and
# `schedule_free_*`, even those of a frozen leaf, and soon under `madgrad`; `dog` makes one huge step.
#
# Expected: `init` sizes an optimizer's state by the parameters. Whether a checkpoint is loaded before or
# after it makes no difference, and a leaf whose gradient is zero keeps what was loaded.
#
# What happens: these optimizers remember where they began, by a copy that `init` takes, and compute the
# new parameters, not a step: cocob and madgrad as a start plus what was gained since, schedule_free as an
# average in which the first step counts fully. Their update is the new point minus the parameters that
# they are shown, so that what was loaded cancels out. `dog` and `dowg` take the distance from the start as
# the length of a step: it is that from random to trained weights. Only `mechanize` takes the parameters of
# the first step in place of those of `init`; for `prodigy` and `dadapt_adamw` it did not matter here.
#
# For a freeze: the usual order is `TrainState.create` or `nnx.Optimizer` first, and a pretrained backbone
# into it afterwards. A backbone frozen by its gradient is random again after one step, under dog it stays,
# and its distance throws the head. The loss still falls, as the head learns on random features. Call
# `init` after loading, and have frozen leaves outside of the optimizer, by `optax.multi_transform`.

packages=(optax==0.2.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

optimizers = {
    "adam": optax.adam(0.01),
    "mechanize": optax.contrib.mechanize(optax.sgd(1.0)),
    "prodigy": optax.contrib.prodigy(),
    "dadapt_adamw": optax.contrib.dadapt_adamw(),
    "dog": optax.contrib.dog(),
    "dowg": optax.contrib.dowg(),
    "cocob": optax.contrib.cocob(),
    "schedule_free_sgd": optax.contrib.schedule_free_sgd(0.01),
    "schedule_free_adamw": optax.contrib.schedule_free_adamw(0.01),
    "madgrad": optax.contrib.madgrad(0.01),
}
head = jnp.ones(2)
fresh = {"backbone": jax.random.normal(jax.random.key(1), (100,)), "head": head}
loaded = {"backbone": jax.random.normal(jax.random.key(2), (100,)), "head": head}


def step(state):
    grads = {"backbone": jnp.zeros(100), "head": state.params["head"]}
    return state.apply_gradients(grads=grads)


def looks(state):
    def far_from(params):
        return float(jnp.abs(state.params["backbone"] - params["backbone"]).max())

    return "as loaded" if far_from(loaded) < 0.01 else "random" if far_from(fresh) < 0.01 else "between"


def length(state):
    return float(jnp.linalg.norm(state.params["head"] - head))


print(f"{'':21}backbone after 1 and 100 steps  first step of the head is over 100 times as long")
for name, tx in optimizers.items():
    state = TrainState.create(apply_fn=None, params=fresh, tx=tx).replace(params=loaded)
    in_order = step(TrainState.create(apply_fn=None, params=loaded, tx=tx))
    first = state = step(state)
    for _ in range(99):
        state = step(state)
    seen = f"{looks(first)}, {looks(state)}"
    print(f"{name:21}{seen:32}{length(first) > 100 * length(in_order)}")
    assert looks(in_order) == "as loaded", name
PYTHON
)

expected=$(cat <<'TEXT'
                     backbone after 1 and 100 steps  first step of the head is over 100 times as long
adam                 as loaded, as loaded            False
mechanize            as loaded, as loaded            False
prodigy              as loaded, as loaded            False
dadapt_adamw         as loaded, as loaded            False
dog                  as loaded, as loaded            True
dowg                 as loaded, as loaded            True
cocob                random, random                  False
schedule_free_sgd    random, random                  False
schedule_free_adamw  random, random                  False
madgrad              between, random                 False
TEXT
)

. "$(dirname "$0")/judge.bash"
