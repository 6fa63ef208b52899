"""How a program reaches a variable of NNX that no freeze catches: by a filter, or by its path."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from pathlib import Path as File
from typing import Any

from ....reference.observation.trajectory import Step
from ....reference.pytrees.paths import Path

#: What a program calls that looks at the paths of leaves.
_RULE_ON_PATHS = re.compile("with_path|path_aware|keystr|flat_state|map_state|flatten_dict")


def reaching(subject: Any, problem: Any, step: Step, path: Path) -> str:
    """Say what is likely at fault that a leaf is trained: `wrt=` of `nnx.Optimizer`, or a rule on
    paths, and how such a rule meets the leaf. Nothing, where the leaf is not a variable of NNX.
    """
    if step.before.params[path].kind is None:
        return ""
    from flax import nnx  # here: a program of Linen does without

    begun = subject.begin(problem.seed, problem.batch(1), problem.optimizer.transformation)
    optimizer: Any = getattr(begun, "optimizer", None)
    filters = isinstance(optimizer, nnx.Optimizer)
    # A filter that says more than the type of a variable is how the program freezes.
    if _has_rule_on_paths(subject) and not (filters and not isinstance(optimizer.wrt, type)):
        keys, names = "".join(f"[{name!r}]" for name in path), "".join(f".{name}" for name in path)
        return (
            f"a rule on paths meets {keys}.value in gradients of `nnx.grad`, {keys} in updates of "
            f"`nnx.Optimizer`, {names}.value in `jax.grad` or without graph mode"
        )
    return "`wrt=` of `nnx.Optimizer` selects the leaf" if filters else ""


def _has_rule_on_paths(subject: Any) -> bool:
    """Tell whether the files that make or train the module look at paths at all."""
    texts = []
    for function in (subject.create, subject.train_step):
        with suppress(OSError, TypeError):  # an object of a class, or code without a file
            file = inspect.getsourcefile(inspect.unwrap(function))
            texts += [File(file).read_text("utf-8")] if file else []
    return any(map(_RULE_ON_PATHS.search, texts))
