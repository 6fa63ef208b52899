#!/usr/bin/env bash
# Optax 0.2.8: five optimizers take a gradient of None for a frozen leaf, and seven raise.
#
# Expected: Equinox's `filter_grad` answers None for what it does not differentiate, and its example of
# a frozen layer hands that to `optax.sgd`. A rule of Optax, either way: None is passed on, or raises.
#
# What happens: it depends on the optimizer, and not by family. radam and adabelief pass None on, adam
# and nadam raise. The code of adam has a branch for None; a later line maps over two trees of which
# one has None and the other an array.
#
# For a freeze: swapping sgd for adam in a working program raises a ValueError about tree structure.
# Show the optimizer the trainable half only, in `init` and in `update`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import optax

params = {"frozen": jnp.ones(2), "trained": jnp.ones(3)}
grads = {"frozen": None, "trained": jnp.ones(3)}
answers = {}

for name in ("sgd", "rmsprop", "adabelief", "adamax", "radam", "nadam", "adam", "adamw", "lion",
             "adagrad", "lamb", "yogi"):
    optimizer = getattr(optax, name)(0.1)
    try:
        updates, _ = optimizer.update(grads, optimizer.init(params), params)
        answer = f"{updates['frozen']} for None"
    except (ValueError, TypeError, AttributeError) as error:
        answer = type(error).__name__
    answers.setdefault(answer, []).append(name)

for answer, names in answers.items():
    print(f"{answer}: {', '.join(names)}")
PYTHON
)

expected=$(cat <<'TEXT'
None for None: sgd, rmsprop, adabelief, adamax, radam
ValueError: nadam, adam, adamw, lion, adagrad, lamb, yogi
TEXT
)

. "$(dirname "$0")/judge.bash"
