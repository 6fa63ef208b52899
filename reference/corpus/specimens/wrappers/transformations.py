"""Faulty Optax wrappers written by hand: masks of names, their own state, arithmetic."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from frostproof import OptaxFreeze, Optimizers
from frostproof.reference.corpus.register import Needs, specimen


def frozen_by(mask, optimizer):
    """Freeze the leaves of a mask by `set_to_zero`, the others train."""
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
    return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


def name(path):
    """Join a path's keys, as in `l1.kernel`."""
    return ".".join(str(getattr(entry, "key", getattr(entry, "idx", ""))) for entry in path)


def names_of_frozen(mask):
    """List the joined names of the frozen leaves."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(mask)
    return [name(path) for path, frozen in leaves if frozen]


def then_on_frozen(optimizer, mask, change):
    """Replace the updates of frozen leaves, given update and parameter, after an optimizer."""

    def replace(updates, params):
        return jax.tree.map(lambda m, u, p: change(u, p) if m else u, mask, updates, params)

    return optax.chain(optimizer, optax.stateless(replace))


# Leaves that are mistaken for others.


@specimen(
    law="exact-selection",
    kind="optax",
    seen="`startswith` in a recipe for nnx.Optimizer",
    needs=Needs("layers whose names resemble each other", leaves=12),
)
def layers_by_prefix(optimizer, mask):
    """Layers are compared by `startswith`, so that `l1` also freezes `l11`."""
    layers = tuple(each.rpartition(".")[0] for each in names_of_frozen(mask) if "." in each)
    wider = jax.tree_util.tree_map_with_path(
        lambda path, frozen: frozen or bool(layers and name(path).startswith(layers)), mask
    )
    return frozen_by(wider, optimizer)


@specimen(
    law="trainable-moves",
    kind="optax",
    seen="labels made of `path[-1].key`",
    needs=Needs("over a run each leaf of a small tree moves at least once", leaves=12),
)
def leaves_by_last_name(optimizer, mask):
    """Only the last name is compared, so that one frozen kernel freezes every kernel."""
    last = {each.rpartition(".")[2] for each in names_of_frozen(mask)}
    wider = jax.tree_util.tree_map_with_path(
        lambda path, frozen: name(path).rpartition(".")[2] in last, mask
    )
    return frozen_by(wider, optimizer)


@specimen(law="frozen-value", kind="optax", seen="`range(1, n)` over numbered layers")
def off_by_one_leaf(optimizer, mask):
    """The frozen leaves are counted from one: each time its neighbour is frozen instead."""
    leaves, form = jax.tree.flatten(mask)
    return frozen_by(jax.tree.unflatten(form, leaves[-1:] + leaves[:-1]), optimizer)


@specimen(
    law="frozen-value",
    kind="optax",
    seen="a loop over modules and their children",
    needs=Needs("a tree of three levels", leaves=7),
)
def two_levels_deep(optimizer, mask):
    """The mask is walked two levels down, and what lies deeper trains."""
    shallow = jax.tree_util.tree_map_with_path(lambda path, frozen: frozen and len(path) <= 2, mask)
    return frozen_by(shallow, optimizer)


@specimen(
    law="frozen-value",
    kind="optax",
    seen="a slice that was meant to drop the head",
    needs=Needs("more than ten leaves", leaves=12),
)
def last_leaf_of_a_deep_tree(optimizer, mask):
    """Of ten leaves and more the last one trains, whatever the mask says."""
    leaves, form = jax.tree.flatten(mask)
    return frozen_by(jax.tree.unflatten(form, leaves[:10] + [False] * len(leaves[10:])), optimizer)


@specimen(law="trainable-moves", kind="optax", seen="equinox#193: a mask computed of the values")
def leaves_by_size(optimizer, mask):
    """Leaves are looked up by shape, so that one frozen leaf freezes all of its shape."""

    def freeze(updates, params):
        shapes = {p.shape for m, p in zip(*map(jax.tree.leaves, (mask, params)), strict=True) if m}
        return jax.tree.map(lambda u: jnp.zeros_like(u) if u.shape in shapes else u, updates)

    return optax.chain(optimizer, optax.stateless(freeze))


# What becomes of a frozen leaf.


@specimen(law="frozen-norm", kind="optax", seen="a small rate in place of a freeze")
def a_hundredth_of_the_update(optimizer, mask):
    """Frozen leaves get a hundredth of their update."""
    return then_on_frozen(optimizer, mask, lambda update, param: update / 100)


@specimen(law="frozen-value", kind="optax", seen="made up: a move that no norm shows")
def sign_flipped(optimizer, mask):
    """Frozen leaves are negated, which keeps their norm."""
    return then_on_frozen(optimizer, mask, lambda update, param: -2 * param)


@specimen(law="frozen-value", kind="optax", seen="made up: the least there is")
def one_ulp(optimizer, mask):
    """Frozen leaves move by one ulp, away from zero."""
    return then_on_frozen(
        optimizer, mask, lambda update, param: jnp.nextafter(param, 2 * param) - param
    )


@specimen(law="frozen-value", kind="optax", seen="mixed precision without a master copy")
def rounded_to_bfloat16(optimizer, mask):
    """Frozen leaves are cast to bfloat16 and back."""
    return then_on_frozen(optimizer, mask, lambda update, param: param.astype(jnp.bfloat16) - param)


class Steps(NamedTuple):
    """How often the wrapper was called."""

    count: Any


@specimen(
    law="frozen-value",
    kind="optax",
    seen="a schedule for gradual unfreezing",
    needs=Needs("a third step", steps=3),
)
def leak_from_step_three(optimizer, mask):
    """From the third step on frozen leaves train."""

    def update(updates, state, params=None):
        thawed = state.count >= 2
        held = jax.tree.map(lambda m, u: jnp.where(thawed, u, 0) if m else u, mask, updates)
        return held, Steps(state.count + 1)

    thaw = optax.GradientTransformation(lambda params: Steps(jnp.zeros((), int)), update)
    return optax.chain(optimizer, thaw)


class Average(NamedTuple):
    """A moving average of the parameters."""

    average: Any


@specimen(law="frozen-copies", seen="an EMA of weights that is kept in bfloat16 to save memory")
def average_in_bfloat16():
    """The average d·a + (1 − d)·p is rounded to bfloat16, and drifts although a equals p."""

    def halved(tree):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)

    def update(updates, state, params=None):
        average = jax.tree.map(lambda a, p: 0.9 * a + 0.1 * p, state.average, halved(params))
        return updates, Average(average)

    averaging = optax.GradientTransformation(lambda params: Average(halved(params)), update)
    return OptaxFreeze(
        lambda optimizer, mask: optax.chain(frozen_by(mask, optimizer), averaging),
        promise=("selected", "value", "inert"),
    )


# What becomes of the others.


@specimen(law="trainable-follows-oracle", kind="optax", seen="an update applied inside and outside")
def updates_doubled(optimizer, mask):
    """Each update is applied twice."""
    return frozen_by(mask, optax.chain(optimizer, optax.scale(2.0)))


class Held(NamedTuple):
    """The updates of the step before."""

    updates: Any


@specimen(
    law="trains-as-if-alone",
    seen="updates that are sent asynchronously",
    needs=Needs("a second step: a schedule may begin with an update of zero", steps=2),
)
def updates_one_step_late():
    """The updates of a step are applied in the next one."""

    def late(updates, state, params=None):
        return state.updates, Held(updates)

    def wrap(optimizer, mask):
        delay = optax.GradientTransformation(
            lambda params: Held(jax.tree.map(jnp.zeros_like, params)), late
        )
        return frozen_by(mask, optax.chain(optimizer, delay))

    return OptaxFreeze(wrap, promise=("selected", "value", "isolated"))


def neighbours(tree):
    """Return a tree whose leaves of one shape have changed places."""
    leaves, form = jax.tree.flatten(tree)
    shapes = {leaf.shape for leaf in leaves}
    others = {s: iter([leaf for leaf in leaves[::-1] if leaf.shape == s]) for s in shapes}
    return jax.tree.unflatten(form, [next(others[leaf.shape]) for leaf in leaves])


@specimen(
    law="trainable-follows-oracle",
    seen="a checkpoint read back in another order of names",
    needs=Needs("a second step, and leaves of one shape", steps=2, leaves=7),
)
def state_mixed_up():
    """Before each step leaves of one shape get each other's moments."""

    def wrap(optimizer, mask):
        def update(updates, state, params=None):
            form = jax.tree.structure(params)
            mixed = jax.tree.map(
                lambda node: neighbours(node) if jax.tree.structure(node) == form else node,
                state,
                is_leaf=lambda node: jax.tree.structure(node) == form,
            )
            return optimizer.update(updates, mixed, params)

        return frozen_by(mask, optax.GradientTransformation(optimizer.init, update))

    return OptaxFreeze(wrap, optimizers=Optimizers("momentum"))


# Not an optimizer at all.


@specimen(law="training-runs", kind="optax", seen="a mask spread out over the last axis")
def no_scalars(optimizer, mask):
    """Leaves are taken to have an axis, and a scalar raises."""

    def freeze(updates, params):
        return jax.tree.map(lambda m, u: jnp.where(jnp.full(u.shape[-1], m), 0, u), mask, updates)

    return optax.chain(optimizer, optax.stateless(freeze))


@specimen(law="training-runs", kind="optax", seen="a forgotten `return optax.chain(...)`")
def update_function_alone(optimizer, mask):
    """The wrapper returns an update function, where an optimizer is expected."""
    return frozen_by(mask, optimizer).update


@specimen(law="training-runs", kind="optax", seen="a gauge of the moments, written for adam")
def no_moments(optimizer, mask):
    """Steps wait for moments that are finite, and plain sgd keeps none."""
    inner = frozen_by(mask, optimizer)

    def update(updates, state, params=None):
        updates, state = inner.update(updates, state, params)
        found = [optax.tree_utils.tree_get_all_with_path(state, key) for key in ("mu", "trace")]
        (_, moments), *_ = found[0] + found[1]
        finite = jnp.isfinite(optax.tree_utils.tree_norm(moments))
        return jax.tree.map(lambda leaf: jnp.where(finite, leaf, 0), updates), state

    return optax.GradientTransformation(inner.init, update)
