"""`Guard`: frozen leaves watched while a run is under way, by a fingerprint of each and no copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, TypeAlias, final, get_args

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.experimental import multihost_utils

from ..pytrees.layer_state import layer_state_hint
from ..pytrees.paths import Frozen, Path, matches, other_root_hint, path_text, select
from .fingerprint import LANES, Equality, fingerprint
from .leaves import Leaf, leaves_of

_LISTED = 50  # leaves that a failure or a report names

#: The lanes of a fingerprint.
_Marks: TypeAlias = tuple[int, ...]

_fingerprint = {
    equality: jax.jit(partial(fingerprint, equality=equality)) for equality in get_args(Equality)
}


@final
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Token:
    """What a check inside a compiled function saw: a pytree, for `Guard.check` outside.

    `jax.lax.scan` stacks the tokens of its steps; all of them are checked at once.
    """

    #: Of the frozen leaves in the order of their paths, (…, leaves, 2), uint32.
    fingerprints: jax.Array


@final
@dataclass(frozen=True)
class GuardReport:
    """What a guard has seen since it was made; as text, a few lines for people."""

    #: How often frozen leaves were looked at, and trainable ones: tokens show only frozen leaves.
    checks: int
    checks_of_models: int
    #: Frozen leaves that were unchanged at every check, and those that were not.
    kept: tuple[str, ...]
    moved: tuple[str, ...]
    #: Trainable leaves that have had the same value at every check.
    still: tuple[str, ...]

    def __str__(self) -> str:
        """The numbers, and the leaves that are not as they should be."""
        frozen = len(self.kept) + len(self.moved)
        lines = [f"{len(self.kept)} of {frozen} frozen leaves kept; checks: {self.checks}"]
        if self.moved:
            lines.append(f"frozen, but moved: {_listed(self.moved)}")
        if not self.checks_of_models:
            lines.append("trainable leaves were not looked at: no model was checked yet")
        elif self.still:
            lines.append(f"trainable, but not moved since the start: {_listed(self.still)}")
        return "\n".join(lines)


@final
class Guard:
    """Watches the leaves of a model while it is trained, on its devices and without a copy.

    Of each leaf it keeps a fingerprint of 64 bits. Every change of a leaf changes it, whether a
    permutation, a flipped sign or a single bit, with a probability of more than 1 - 2⁻²⁹. To
    compute it takes about as long as to sum up the leaf.

    Where several processes train together (`jax.distributed`) all of them make a guard, and check
    at the same steps. What one of them sees, all of them raise.

    Args:
        params_or_model: a pytree of any kind, ``nnx.State`` or ``nnx.Module``, which may be donated
            or trained in place from then on.
        frozen: path prefixes, compared segment by segment, or a predicate on the path.
        promise: what frozen leaves have to keep: their "value" (NaN equals NaN in its place, -0
            equals +0, subnormals are 0) or their "bits".

    Raises:
        ValueError: for a pattern that matches no leaf, an unknown promise, and a leaf without
            values: a tracer, a shape, a donated buffer.
        TypeError: for a `frozen` of another type.
    """

    def __init__(self, params_or_model: Any, frozen: Frozen, promise: Equality = "value") -> None:
        if promise not in get_args(Equality):
            known = ", ".join(map(repr, get_args(Equality)))
            raise ValueError(f"`promise` must be one of {known}, got {promise!r}")
        leaves = leaves_of(params_or_model)
        outside = (
            "make the guard outside functions that are transformed (jit, grad, vmap), and check "
            "inside"
        )
        if traced := sorted(path for path, leaf in leaves.items() if leaf.traced):
            raise ValueError(f"{path_text(traced[0])}: this is a tracer, not a value; {outside}")
        if _is_compiling():
            raise ValueError(f"a function is being compiled, which computes no values; {outside}")
        self._frozen = frozen
        self._promise: Equality = promise
        self._paths = sorted(select(leaves, frozen))
        self._forms = {path: leaf.form for path, leaf in leaves.items()}
        self._kinds = {path: leaf.kind for path, leaf in leaves.items()}
        # By both, whatever is promised: who keeps the bits keeps the value, and the bits are read
        # faster. Only where they differ are the values looked at.
        self._bits = _fingerprints(leaves, "bits")
        self._values = _fingerprints(leaves, "value")
        trainable = {path for path, leaf in leaves.items() if leaf.trainable}
        self._still = sorted(trainable.difference(self._paths))
        self._moved: set[Path] = set()
        self._checks = self._checks_of_models = 0

    def check(self, params_or_model: Any) -> Token:
        """Raise if a frozen leaf is not what it was when the guard was made.

        Inside a compiled function (`jax.jit`, `nnx.jit`, `jax.lax.scan`) values are not known yet:
        there, return the token with the other results, and check the token outside.

        Args:
            params_or_model: the model as it is now, or a token.

        Returns:
            What was seen of the frozen leaves.

        Raises:
            AssertionError: with the names of frozen leaves that moved, vanished, appeared, or got
                another shape or dtype.
            ValueError: for a leaf without values, and a token of another guard.
        """
        __tracebackhide__ = True  # pytest shows the line of the caller
        if isinstance(params_or_model, Token):
            self._check_token(params_or_model)
            return params_or_model
        leaves = leaves_of(params_or_model)
        changed = self._changed_forms(leaves)
        nowhere = not any(path in leaves for path in self._paths)
        hint = other_root_hint(self._paths, leaves) if nowhere else []
        # Frozen leaves may be constants of what is compiled: they are known, what is computed not.
        if _is_compiling() or any(leaves[path].traced for path in self._paths if path in leaves):
            self._require_none(changed, hint)
            return _token([_fingerprint[self._promise](leaves[p].value) for p in self._paths])
        moved = self._moved_leaves(leaves)
        self._checks += 1
        self._checks_of_models += 1
        self._still = [path for path in self._still if path not in moved]
        changed |= {path: "moved" for path in self._paths if path in moved}
        self._require_none(changed, hint)
        return _token(self._promised())

    def report(self) -> GuardReport:
        """Return what was seen since the start: above all, which trainable leaves have not moved.

        A trainable leaf is looked at whenever a model is checked, until it has moved. Leaves of
        integers, and NNX variables that are not parameters, are not called trainable.
        """
        return GuardReport(
            checks=self._checks,
            checks_of_models=self._checks_of_models,
            kept=tuple(path_text(path) for path in self._paths if path not in self._moved),
            moved=tuple(map(path_text, sorted(self._moved))),
            still=tuple(map(path_text, self._still)),
        )

    def _promised(self) -> npt.NDArray[np.uint32]:
        """Return the fingerprints that frozen leaves have to keep, (leaves, 2)."""
        marks = self._bits if self._promise == "bits" else self._values
        return np.array([marks[path] for path in self._paths], np.uint32).reshape(-1, LANES)

    def _check_token(self, token: Token) -> None:
        promised, seen = self._promised(), _on_host(token.fingerprints)
        if seen.shape[-2:] != promised.shape:
            raise ValueError(
                f"a token of this guard has fingerprints of shape {promised.shape}, for its "
                f"{len(promised)} frozen leaves; got {seen.shape}: check it with its own guard"
            )
        steps = prod(seen.shape[:-2])
        differ = _anywhere((seen != promised).any(axis=-1).reshape(steps, len(promised)))
        self._checks += steps
        changed = {}
        for path, moved in zip(self._paths, differ.T, strict=True):
            if moved.any():
                first = f", first in token {moved.argmax()} of {steps}" if steps > 1 else ""
                changed[path] = f"moved{first}"
        self._require_none(changed)

    def _changed_forms(self, leaves: Mapping[Path, Leaf]) -> dict[Path, str]:
        """Return in words what happened to frozen leaves apart from their values."""
        changed = {}
        for path in self._paths:
            if path not in leaves:
                changed[path] = "vanished"
            elif words := leaves[path].form.change_since(self._forms[path]):
                changed[path] = words
        new = (path for path in leaves if path not in self._forms)
        return changed | {path: "appeared" for path in new if matches(path, self._frozen)}

    def _moved_leaves(self, leaves: Mapping[Path, Leaf]) -> set[Path]:
        """Return frozen leaves that broke the promise, and trainable ones that got another value.

        Of trainable leaves only those are looked at that have not moved yet. Every process asks for
        the same fingerprints, in the same order: those of an array that spans processes need all.
        """
        watched = [path for path in (*self._paths, *self._still) if self._comparable(path, leaves)]
        other = _differing(watched, self._bits, leaves, "bits")
        frozen = set(self._paths) if self._promise == "bits" else set()
        moved = frozen.intersection(other)
        doubtful = [path for path in other if path not in moved]
        moved.update(_differing(doubtful, self._values, leaves, "value"))
        return moved

    def _comparable(self, path: Path, leaves: Mapping[Path, Leaf]) -> bool:
        if path not in leaves or leaves[path].traced:  # a head under `jax.vmap`, say
            return False
        return leaves[path].form == self._forms[path]

    def _require_none(self, changed: Mapping[Path, str], hint: Sequence[str] = ()) -> None:
        __tracebackhide__ = True
        if not changed:
            return
        self._moved.update(changed)
        number = f"{len(changed)} of {len(self._paths)} frozen leaves did not keep their"
        lines = [f"{path_text(path)}: {changed[path]}" for path in sorted(changed)]
        if len(lines) > _LISTED:
            lines[_LISTED:] = [f"… and {len(lines) - _LISTED} more"]
        head = f"{number} {self._promise} since the guard was made (check {self._checks}):"
        hint = [*layer_state_hint({path: self._kinds.get(path) for path in changed}), *hint]
        raise AssertionError("\n".join([head, "", *lines, *hint]))


def _is_compiling() -> bool:
    """Whether a function is being compiled: whatever is computed then has no values yet."""
    return isinstance(jnp.add(0, 0), jax.core.Tracer)


def _differing(
    paths: Sequence[Path], known: Mapping[Path, _Marks], leaves: Mapping[Path, Leaf], by: Equality
) -> list[Path]:
    """Return which leaves have another fingerprint than the known one, in any process."""
    seen = _fingerprints({path: leaves[path] for path in paths}, by)
    differ = _anywhere(np.array([seen[path] != known[path] for path in paths], bool))
    return [path for path, other in zip(paths, differ, strict=True) if other]


def _fingerprints(leaves: Mapping[Path, Leaf], by: Equality) -> dict[Path, _Marks]:
    # So that arrays of NumPy keep their 64 bits on the way to the device.
    with jax.enable_x64(True):
        lanes = [_fingerprint[by](leaf.value) for leaf in leaves.values()]
    # Only now is one waited for: all devices are at work.
    return {path: tuple(map(int, _on_host(mark))) for path, mark in zip(leaves, lanes, strict=True)}


def _token(fingerprints: Any) -> Token:
    return Token(jnp.asarray(fingerprints, jnp.uint32).reshape(-1, LANES))


def _on_host(array: jax.Array) -> npt.NDArray[np.uint32]:
    if not isinstance(array, jax.Array) or array.is_fully_addressable or array.is_fully_replicated:
        return np.asarray(array)
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))


def _anywhere(differ: npt.NDArray[np.bool]) -> npt.NDArray[np.bool]:
    """Return what any of the processes found: each reads its own copy of what is not shared out."""
    if jax.process_count() == 1:
        return differ
    everywhere = multihost_utils.process_allgather(differ)
    return np.asarray(everywhere.any(axis=0))


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
