"""Targets: the kinds of subjects, the references by their aliases, and the error of a bad one.

Reports, baselines and measured files name a reference by its alias, so that they can be compared
across layouts. The dotted name is understood, too, and so are those that earlier releases had.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pkgutil import walk_packages

#: What a wrapper or a trainer promises unless it says otherwise.
DEFAULT_PROMISE = ("selected", "value")

#: The words of `--as`.
KINDS = ("linen", "nnx", "optax", "trainer")


class UnusableTarget(ValueError):
    """A target that cannot be judged: one line that names it, what is wrong, and what to do."""

    def __init__(self, target: str, reason: str):
        self.reason = " ".join(reason.split())
        super().__init__(f"{target or repr(target)}: {self.reason}")


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
#: The packages of this repository's other programs: `specimen/answers/two-values` is `two_values`
#: of the module `answers`, wherever below its package that is.
_CORPORA = {
    "accepted": "frostproof.reference.corpus.accepted",
    "specimen": "frostproof.reference.corpus.specimens",
    "library": "frostproof.reference.corpus.libraries",
}


def canonical(target: str) -> str:
    """Return the alias of a target that names a program of ours, and any other as it is."""
    module, separator, name = target.partition(":")
    module = _MOVED.get(module, module)
    for corpus, package in _CORPORA.items():
        if module.startswith(f"{package}."):
            return corpus_target(corpus, module, name)
    return _ALIAS_OF.get(f"{module}{separator}{name}", target)


def corpus_target(corpus: str, module: str, name: str) -> str:
    """Return the alias of a program: the last name of its module says in which file it is."""
    return f"{corpus}/{module.rpartition('.')[2]}/{name}".replace("_", "-")


def resolved(target: str) -> str:
    """Return a target with a module in it: the dotted name behind an alias, others as they are."""
    alias = canonical(target)
    return ALIASES.get(alias) or _in_corpus(alias) or target


def _in_corpus(alias: str) -> str | None:
    corpus, *parts = alias.replace("-", "_").split("/")
    package = _CORPORA.get(corpus)
    if package is None or len(parts) != 2:
        return None
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:  # the corpora are not part of a wheel
        return None
    for found in walk_packages(spec.submodule_search_locations if spec else (), f"{package}."):
        if found.name.endswith(f".{parts[0]}"):
            return f"{found.name}:{parts[1]}"
    return None
