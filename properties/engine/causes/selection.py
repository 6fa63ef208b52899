"""How a program reaches a leaf that no freeze catches: by a filter, by its path, or not at all."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path as File
from types import CodeType
from typing import Any

import optax
from jax.tree_util import keystr, tree_leaves_with_path

from ....reference.observation.trajectory import Step
from ....reference.pytrees.paths import Path, normalise
from ....reference.subjects.linen_trainer import LinenTrainer
from ....reference.subjects.trainer import Trainer
from .leaves import moves

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
    return "`wrt=` of `nnx.Optimizer` selects the leaf" + _numbered(begun, path) if filters else ""


def _numbered(begun: Any, path: Path) -> str:
    """Show the path that a filter meets where a number is in it: `PathContains("0")` selects no
    leaf of the first layer of a list.
    """
    from flax import nnx

    for entries, _ in nnx.to_flat_state(nnx.state(begun.model)):
        if tuple(map(str, entries)) == path and any(isinstance(each, int) for each in entries):
            return f", and meets it as {entries}"
    return ""


def boxed(subject: Any, problem: Any, step: Step, path: Path) -> str:
    """Say how a rule on paths meets a parameter in a box of Linen, or in a variable of a state of
    NNX that a program carries as a tree. Nothing, where the program has no such rule, or where a
    leaf in a box stays.
    """
    if not isinstance(subject, LinenTrainer) or not _has_rule_on_paths(subject):
        return ""
    begun = subject.begin(problem.seed, problem.batch(1), problem.optimizer.transformation)
    spelt = {
        normalise(keys): keystr(keys)
        for keys, _ in tree_leaves_with_path(begun.params())
        if len(normalise(keys)) < len(keys)  # the last key is that of the box
    }
    if path not in spelt or any(not moves(step, each) for each in spelt.keys() & step.frozen):
        return ""
    if step.before.params[path].kind is not None:
        return (
            f"a rule on paths meets {spelt[path]} in a tree of `nnx.State`, and {path} in a filter "
            "of NNX and in a flat state"
        )
    return (
        f"a rule on paths meets {spelt[path]}: the leaf is in a box, as `nn.with_partitioning` "
        "makes it, and the last key is that of the box"
    )


def masked_decay(subject: Any) -> str:
    """Say that the files of a program give `mask=` to an optimizer that decays, as if that was a
    freeze. Nothing, where none does.
    """
    if not isinstance(subject, Trainer):
        return ""
    files = {_file_of(each) for each in (subject.create, subject.train_step)}
    given = {name for file in files if file for name in _given_a_mask(File(file))}
    named = sorted(filter(_decays, given))
    return (
        f"`mask=` of `{'`, `'.join(named)}` says what decays, and not what trains" if named else ""
    )


def _given_a_mask(file: File) -> Iterator[str]:
    """Yield the functions that are called with `mask=` in a file, as it spells them."""
    try:
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, SyntaxError):  # it was changed, or is gone
        return
    for node in nodes:
        if isinstance(node, ast.Call) and any(each.arg == "mask" for each in node.keywords):
            yield ast.unparse(node.func)


def _decays(name: str) -> bool:
    """Tell whether this is an optimizer of Optax that has a decay."""
    plain = name.rpartition(".")[2]
    made = getattr(optax, plain, getattr(optax.contrib, plain, None))
    own = {"learning_rate", "weight_decay"}
    return inspect.isfunction(made) and own <= inspect.signature(made).parameters.keys()


def _has_rule_on_paths(subject: Any) -> bool:
    """Tell whether the functions that make or train the module look at paths, or what these call
    of their own files.
    """
    reached, ahead = list[Any](), [subject.create, subject.train_step]
    files = set(map(_file_of, ahead)) - {None}
    while ahead:
        each = inspect.unwrap(ahead.pop())
        if _file_of(each) in files and not any(each is other for other in reached):
            reached.append(each)
            ahead += _used_by(each)
    codes = (code for each in reached for code in _codes_of(each))
    return any(_RULE_ON_PATHS.search(name) for code in codes for name in code.co_names)


def _file_of(thing: Any) -> str | None:
    with suppress(TypeError):  # an object of a class
        return inspect.getsourcefile(inspect.unwrap(thing))
    return None


def _used_by(function: Any) -> list[Any]:
    """Return what a function gets from around it, or what a class defines."""
    if inspect.isclass(function):
        return [*vars(function).values()]
    around = getattr(function, "__globals__", {})
    names = {name for code in _codes_of(function) for name in code.co_names}
    used = [around[name] for name in names & around.keys()]
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # it is empty
            used.append(cell.cell_contents)
    return used


def _codes_of(function: Any) -> Iterator[CodeType]:
    """Yield the code of a function, and of those that are written inside it."""
    ahead = [getattr(function, "__code__", None)]
    while ahead:
        code = ahead.pop()
        if isinstance(code, CodeType):
            yield code
            ahead += code.co_consts
