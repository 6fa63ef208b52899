"""Replays an optimizer on the trainable leaves alone, with the gradients that it was given.

Two correct programs need not agree to the bit: one is compiled as a whole, the other runs operation
by operation, and the effect of one ulp on an update depends on the optimizer. So where the replay
with gradients as they were is further off than the last digits, it is made twice more, with each of
their elements off by up to two ulps in either direction: the changes show how much rounding may
change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

from ..observation.trajectory import Step
from ..pytrees.paths import Path, path_text

#: Relative size of the changes to the gradients: two ulps of float32.
_NUDGE = 2.0**-22
#: A correct program may be off by this many times the effect of one nudge: it rounds many times.
_ROUNDINGS = 16
#: Ulps of the parameter, or of the update where that is larger: the sum itself, and a decay's.
_ULPS = 4

Leaves = Mapping[str, np.ndarray]


def replay(
    optimizer: optax.GradientTransformation,
    steps: Iterable[Step],
    paths: Iterable[Path],
    *,
    nudged: bool,
) -> Iterator[tuple[Step, dict[Path, np.ndarray], dict[Path, np.ndarray]]]:
    """Yield each step with the leaves that the isolated optimizer makes, and their bounds.

    Leaves and bounds are float64 arrays by path. Every step must have been recorded (`Step.given`),
    with gradients at all `paths`. The parameters of each step are those that were observed. The
    bounds that are not `nudged` are smaller, and take a third of the time.
    """
    paths = sorted(paths)
    optimizer = optax.with_extra_args_support(optimizer)
    states: list[Any] = []
    for place, step in enumerate(steps):
        assert step.given is not None, "the caller looks at recorded steps only"
        params = {path_text(path): jnp.asarray(step.before.params[path].array) for path in paths}
        given = {path_text(path): step.given.gradients[path] for path in paths}
        signs = (0, 1, -1) if nudged else (0,)
        states = states or [optimizer.init(params)] * len(signs)
        updates = []
        for index, sign in enumerate(signs):
            gradients = jax.tree.map(jnp.asarray, _nudged(given, sign, place) if sign else given)
            update, states[index] = optimizer.update(gradients, states[index], params)
            updates.append({name: np.asarray(leaf, np.float64) for name, leaf in update.items()})
        after, bound = {}, {}
        for path in paths:
            name = path_text(path)
            before = np.asarray(params[name], np.float64)
            plain, *others = (update[name] for update in updates)
            with np.errstate(invalid="ignore", over="ignore"):
                spread = np.max([np.abs(each - plain) for each in (plain, *others)], axis=0)
                unit = float(ml_dtypes.finfo(params[name].dtype).eps)
                size = np.maximum(np.abs(before), np.abs(plain))
                after[path] = before + plain
                bound[path] = _ROUNDINGS * spread + _ULPS * unit * size + 1e-37
        yield step, after, bound


def _nudged(gradients: Leaves, sign: int, place: int) -> Leaves:
    # Each step by other signs: where gradients cancel in a momentum, equal ones would, too.
    generator = np.random.default_rng(place)
    nudged = {}
    for name, leaf in gradients.items():
        by = sign * _NUDGE * generator.choice((-1.0, 1.0), leaf.shape)
        if leaf.dtype.itemsize < 4:
            by = by * 2.0**13 if leaf.dtype.name == "float16" else by * 2.0**16
        with np.errstate(invalid="ignore", over="ignore"):
            nudged[name] = np.asarray(leaf.astype(np.float64) * (1 + by), leaf.dtype)
    return nudged
