"""What a user may name as a target: kinds, the references by their aliases, and the error.

Reports, baselines and measured files name a reference by its alias, so that they can be compared
across layouts. The dotted name is understood, too, and so are those that earlier releases had.
"""

from __future__ import annotations

from collections.abc import Mapping

#: The words of `--as`.
KINDS = ("linen", "nnx", "optax", "trainer")


class UnusableTarget(ValueError):
    """A target that cannot be judged: one line that names it, what is wrong, and what to do."""

    def __init__(self, target: str, reason: str):
        self.reason = " ".join(reason.split())
        super().__init__(f"{target}: {self.reason}")


_TECHNIQUES = (
    "gradient_zeroing",
    "stop_gradient",
    "multi_transform",
    "freeze_in_chain",
    "trainable_subset",
    "restore_after_update",
)
_TRAINERS = "frostproof.reference.correct.trainers"
_WRAPPERS = "frostproof.reference.correct.wrappers"

#: The dotted name behind each alias, in the order in which the references are judged.
ALIASES: Mapping[str, str] = {
    "exercise/linen": "frostproof.reference.linen:freeze_first_dense",
    "exercise/nnx": "frostproof.reference.nnx:freeze_first_dense",
    **{
        f"{api}/{name.replace('_', '-')}": f"{_TRAINERS}.{api}_techniques:{name}"
        for api in ("linen", "nnx")
        for name in _TECHNIQUES
    },
    "optax/partition": f"{_WRAPPERS}:partition_with_set_to_zero",
    "optax/selective-transform": f"{_WRAPPERS}:selective_transform",
    "optax/freeze-after-optimizer": f"{_WRAPPERS}:freeze_after_optimizer",
    "optax/freeze-before-optimizer": f"{_WRAPPERS}:freeze_before_optimizer",
}
REFERENCES = tuple(ALIASES)
EXERCISES = tuple(name for name in REFERENCES if name.startswith("exercise/"))
WRAPPERS = tuple(name for name in REFERENCES if name.startswith("optax/"))
TRAINERS = tuple(name for name in REFERENCES if name not in (*EXERCISES, *WRAPPERS))

#: Modules as releases up to 0.1.0 had them.
_MOVED = {
    "frostproof.reference.linen_trainers": f"{_TRAINERS}.linen_techniques",
    "frostproof.reference.nnx_trainers": f"{_TRAINERS}.nnx_techniques",
    "frostproof.reference.optax_wrappers": _WRAPPERS,
}
_ALIAS_OF = {dotted: alias for alias, dotted in ALIASES.items()}


def canonical(target: str) -> str:
    """Return the alias of a target that names a reference, and any other target as it is."""
    module, separator, name = target.partition(":")
    return _ALIAS_OF.get(f"{_MOVED.get(module, module)}{separator}{name}", target)


def resolved(target: str) -> str:
    """Return a target with a module in it: the dotted name behind an alias, others as they are."""
    alias = canonical(target)
    return ALIASES.get(alias, target)
