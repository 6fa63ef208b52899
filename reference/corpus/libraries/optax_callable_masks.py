"""Optax: masks that are functions of the parameters, where a tree is meant or a schedule is seen.

https://optax.readthedocs.io/en/latest/api/optimizer_schedules.html (inject_hyperparams).
"""

import jax
import optax

from frostproof import OptaxFreeze


def rule_of(mask):
    """Return a mask as a rule by path, as user code has it."""
    frozen = {
        jax.tree_util.keystr(path)
        for path, is_frozen in jax.tree.leaves_with_path(mask)
        if is_frozen
    }
    return lambda tree: jax.tree_util.tree_map_with_path(
        lambda path, _: jax.tree_util.keystr(path) in frozen, tree
    )


def injecting(optimizer, mask, **how):
    """Put a learning rate, and the rule, under `inject_hyperparams`."""

    def make(scale, rule):
        return optax.chain(optimizer, optax.scale(scale), optax.freeze(rule))

    return optax.inject_hyperparams(make, **how)(scale=1.0, rule=rule_of(mask))


injected = OptaxFreeze(injecting)
injected_as_static = OptaxFreeze(
    lambda optimizer, mask: injecting(optimizer, mask, static_args="rule")
)
selective_transform = OptaxFreeze(
    lambda optimizer, mask: optax.selective_transform(optimizer, freeze_mask=rule_of(mask))
)
