#!/usr/bin/env bash
# Haiku 0.0.17: a custom getter that freezes "trunk/" by name trains it where its layers are in a `layer_stack`, and
# a rule for a head "linear/" freezes the trunk, too. Of Flax layers that are lifted into Haiku no getter hears.
#
# Expected: `hk.custom_getter` sees every parameter on its way into the computation, with its name, so a getter that
# returns `stop_gradient(value)` for names of a trunk freezes it. `layer_stack` is a way to compile less, and gives
# its parameters names that begin with "trunk/", too.
#
# What happens: `layer_stack` transforms its layer anew and lifts it (`hk.transparent_lift`). The prefix is known
# while the lift runs the inner `init`. `LiftingModule.__call__` (_src/lift.py) otherwise takes the parameters out of
# the outer dict, past all getters, and the inner `apply` runs after it: the getter sees "linear/w" for the stack in
# "trunk" and for a layer "linear" at the top alike. The context's `lifted_prefix_name` is None there, which its
# docstring notes at the end. `hk.experimental.flax.lift` fetches parameters in this way alone, and Flax asks no
# getter, so that not even one without a rule freezes it.
#
# For a freeze: a rule that adds the prefix holds in `init`, where one tries it out, and never again. Freeze by the
# keys of the parameters, which are right in each case: `hk.data_structures.partition`, a gradient of one half, and
# `merge` in the loss. A getter without a rule, around the call of the trunk, freezes a `layer_stack`, too.

packages=(dm-haiku==0.0.17 flax==0.12.8 optax==0.2.8 orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import contextlib

import flax.linen as nn
import haiku as hk
import haiku.experimental.flax
import jax
import jax.numpy as jnp
import optax

x = jnp.ones((2, 4))


class Plain(hk.Module):
    def __call__(self, x):
        return hk.Linear(4)(hk.Linear(4)(x))


class Stacked(hk.Module):
    def __call__(self, x):
        return hk.layer_stack(2)(lambda x: hk.Linear(4)(x))(x)


class InFlax(hk.Module):
    def __call__(self, x):
        return haiku.experimental.flax.lift(nn.Dense(4), name="dense")(x)


def in_trunk(context):
    return context.full_name.startswith("trunk/")


def in_trunk_with_prefix(context):
    return ((context.lifted_prefix_name or "") + context.full_name).startswith("trunk/")


def in_head(context):
    return context.full_name.startswith("linear/")


def everything(context):
    return True


def model(trunk, rule=None, all_in_trunk=False):
    """A trunk and a head named "linear", frozen by a rule, and how often the rule said yes."""
    matches = []

    def getter(next_getter, value, context):
        matches.append(rule(context))
        return jax.lax.stop_gradient(next_getter(value)) if matches[-1] else next_getter(value)

    def frozen():
        return hk.custom_getter(getter) if rule else contextlib.nullcontext()

    def forward(x):
        if all_in_trunk:
            with frozen():
                h = trunk(name="trunk")(x)
            return hk.Linear(1, name="linear")(h)
        with frozen():
            return hk.Linear(1, name="linear")(trunk(name="trunk")(x))

    return hk.without_apply_rng(hk.transform(forward)), matches


def is_trunk(module, name, value):
    return module.startswith("trunk/")


def trained_by(loss, params):
    """The parts of the model that three steps of Adam move."""
    tx = optax.adam(0.1)
    state, before = tx.init(params), params
    for _ in range(3):
        updates, state = tx.update(jax.grad(loss)(params), state)
        params = optax.apply_updates(params, updates)
    moved = hk.data_structures.filter(lambda module, name, value: (value != before[module][name]).any(), params)
    return ", ".join(sorted({module.split("/")[0] for module in moved})) or "nothing"


def report(name, trunk, rule, **where):
    net, matches = model(trunk, rule, **where)
    params = net.init(jax.random.key(0), x)
    in_init = any(matches)
    matches.clear()
    net.apply(params, x)
    moved = trained_by(lambda params: jnp.sum(net.apply(params, x) ** 2), params)
    print(f"  {name}: matches in init {in_init}, in apply {any(matches)}, trains: {moved}")


for trunk in (Plain, Stacked, InFlax):
    print(f"trunk: {trunk.__name__}")
    report('"trunk/" frozen', trunk, in_trunk)
    report('"trunk/" frozen, with lifted_prefix_name', trunk, in_trunk_with_prefix)
    report('"linear/" frozen', trunk, in_head)
    report("all frozen, getter around the trunk", trunk, everything, all_in_trunk=True)
    net, _ = model(trunk)
    frozen, trained = hk.data_structures.partition(is_trunk, net.init(jax.random.key(0), x))

    def loss(trained):
        return jnp.sum(net.apply(hk.data_structures.merge(frozen, trained), x) ** 2)

    print("  partition and merge, trains:", trained_by(loss, trained))
PYTHON
)

expected=$(cat <<'TEXT'
trunk: Plain
  "trunk/" frozen: matches in init True, in apply True, trains: linear
  "trunk/" frozen, with lifted_prefix_name: matches in init True, in apply True, trains: linear
  "linear/" frozen: matches in init True, in apply True, trains: trunk
  all frozen, getter around the trunk: matches in init True, in apply True, trains: linear
  partition and merge, trains: linear
trunk: Stacked
  "trunk/" frozen: matches in init False, in apply False, trains: linear, trunk
  "trunk/" frozen, with lifted_prefix_name: matches in init True, in apply False, trains: linear, trunk
  "linear/" frozen: matches in init True, in apply True, trains: nothing
  all frozen, getter around the trunk: matches in init True, in apply True, trains: linear
  partition and merge, trains: linear
trunk: InFlax
  "trunk/" frozen: matches in init False, in apply False, trains: linear, trunk
  "trunk/" frozen, with lifted_prefix_name: matches in init False, in apply False, trains: linear, trunk
  "linear/" frozen: matches in init True, in apply True, trains: trunk
  all frozen, getter around the trunk: matches in init False, in apply False, trains: linear, trunk
  partition and merge, trains: linear
TEXT
)

. "$(dirname "$0")/judge.bash"
