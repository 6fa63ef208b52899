#!/usr/bin/env bash
# Evosax 0.3.2 and Optax 0.2.8: an optimizer with a rule by name or by shape gets one flat vector to see, and
# begins at zero: `freeze("backbone")` freezes nothing, "all but the head" everything, and nothing raises.
#
# Expected: `Open_ES`, `PGPE` and others take a `solution`, which is any pytree of parameters, and an Optax
# `optimizer`; `ask` and `get_mean` answer such pytrees. So a mask by path, by the number of axes or by
# whatever else, which one gives to Optax as a function, is asked about these parameters.
#
# What happens: the strategy flattens the solution once, and its state, its gradient and the optimizer know a
# vector of floats (`_init` and `_tell` in algorithms/distribution_based/open_es.py, and nine like it). For Optax
# it is a tree of one leaf, with an empty path and one axis. A rule that looks for a name answers False for
# it, and one that excludes a name True: one boolean is a valid mask. A weight decay for matrices alone decays
# nothing, `muon` is Adam, and a trust ratio is one for all. A mask that is a tree raises. Besides, `init`
# is called with zeros, before the mean is known, so that what remembers its start, such as `cocob` and
# `schedule_free_sgd`, brings pretrained weights to zero in the first generation.
#
# For a freeze: a right mask would not do, either, since the population varies every number of the solution,
# and the fitness is that of other frozen weights. Give the strategy the trainable part as its solution, and
# put the frozen part to it where the fitness is computed.

packages=(evosax==0.3.2 optax==0.2.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import PGPE, Open_ES

pretrained = {"backbone": jnp.full((2, 3), 10.0), "head": jnp.full((3,), 10.0)}
sgd = optax.sgd(0.1)


def by_path(rule):
    """Returns a mask of the parameters for which the rule holds of their path."""

    def mask(params):
        return jax.tree.map_with_path(lambda path, _: rule(jax.tree_util.keystr(path)), params)

    return mask


def matrices(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def fitness(params):
    return ((params["backbone"] - 12.0) ** 2).sum() + ((params["head"] - 12.0) ** 2).sum()


def evolve(strategy, optimizer, fitness=fitness, generations=20):
    evolution = strategy(population_size=16, solution=pretrained, optimizer=optimizer)
    settings = evolution.default_params
    state = evolution.init(jax.random.key(0), pretrained, settings)
    for key in jax.random.split(jax.random.key(1), generations):
        population, state = evolution.ask(key, state, settings)
        state, _ = evolution.tell(key, population, jax.vmap(fitness)(population), state, settings)
    return evolution.get_mean(state), population


def moved(params):
    names = [name for name in params if bool((params[name] != pretrained[name]).any())]
    return " and ".join(names) or "nothing"


backbone = by_path(lambda path: "backbone" in path)
all_but_head = by_path(lambda path: "head" not in path)
print("on a tree both masks agree:", backbone(pretrained) == all_but_head(pretrained))
for strategy in (Open_ES, PGPE):
    print(f"{strategy.__name__}:")
    mean, _ = evolve(strategy, optax.chain(sgd, optax.freeze(backbone)))
    print("  frozen is what has backbone in its path; these move:", moved(mean))
    mean, population = evolve(strategy, optax.chain(sgd, optax.freeze(all_but_head)))
    print("  frozen is what has not head in its path; these move:", moved(mean))
    spread = {name: float(leaf.std(axis=0).min()) > 0 for name, leaf in population.items()}
    print("  and the population varies", *(name for name, varies in spread.items() if varies))
    try:
        evolve(strategy, optax.chain(sgd, optax.freeze({"backbone": True, "head": False})))
    except ValueError as error:
        print("  a mask that is a tree:", type(error).__name__)

# A fitness that is the same for all has no direction: what moves is not moved by it.
constant = {"fitness": lambda params: 0.0, "generations": 1}
for mask in (None, matrices):
    decay = optax.adamw(0.1, weight_decay=1.0, mask=mask)
    mean, _ = evolve(Open_ES, decay, **constant)
    print("decay of", "matrices:" if mask else "all leaves:", moved(mean))
for name in ("sgd", "schedule_free_sgd", "cocob"):
    make = getattr(optax.contrib, name, None) or getattr(optax, name)
    mean, _ = evolve(Open_ES, make(0.1), **constant)
    print(f"from 10.0, one generation without a direction, {name}:", float(mean["head"][0]))
PYTHON
)

expected=$(cat <<'TEXT'
on a tree both masks agree: True
Open_ES:
  frozen is what has backbone in its path; these move: backbone and head
  frozen is what has not head in its path; these move: nothing
  and the population varies backbone head
  a mask that is a tree: ValueError
PGPE:
  frozen is what has backbone in its path; these move: backbone and head
  frozen is what has not head in its path; these move: nothing
  and the population varies backbone head
  a mask that is a tree: ValueError
decay of all leaves: backbone and head
decay of matrices: nothing
from 10.0, one generation without a direction, sgd: 10.0
from 10.0, one generation without a direction, schedule_free_sgd: 0.0
from 10.0, one generation without a direction, cocob: 0.0
TEXT
)

. "$(dirname "$0")/judge.bash"
