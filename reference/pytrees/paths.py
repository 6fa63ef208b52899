"""Path normalisation: one spelling of a leaf's path, whatever tree, state or module holds it.

JAX spells the same leaf as ``['l1']['kernel'].value`` (in an ``nnx.State``), ``.l1.kernel.value``
(in what ``jax.grad`` makes of a module) and ``['l1']['kernel']`` (in a dict). Here they are all
``("l1", "kernel")``. JAX is imported only by the functions that read trees.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn, TypeAlias

Path: TypeAlias = tuple[str, ...]
#: A prefix of paths: a tuple of segments, or a string in which "/" separates them.
Pattern: TypeAlias = str | Path
#: What is frozen: a collection of patterns, or a predicate on the path.
Frozen: TypeAlias = Collection[Pattern] | Callable[[Path], bool]

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_LISTED = 20  # paths that an error message shows


class Entry(NamedTuple):
    """A leaf of a tree, and the NNX variable that holds it, if one does."""

    path: Path
    leaf: Any
    variable: Any = None


class UnusableFrozen(TypeError):
    """A `frozen` that is neither a predicate on paths nor a collection of patterns."""


class UnmatchedPattern(ValueError):
    """A pattern matches no leaf: usually a typo, or a path that is spelt from another root."""

    def __init__(
        self,
        pattern: str,
        paths: tuple[Path, ...],
        option: str = "frozen",
        wildcards: bool = False,
    ) -> None:
        """Make the error, which a worker process can pickle.

        Args:
            pattern: the pattern as the user wrote it.
            paths: the paths of all leaves.
            option: the argument that held the pattern.
            wildcards: whether `*` and `?` stand for other names there.
        """
        super().__init__(pattern, paths, option, wildcards)
        self.pattern = pattern
        self.paths = paths
        self.option = option
        self.wildcards = wildcards

    def __str__(self) -> str:
        """Return one line: the pattern, the closest path if one is close, and the first paths."""
        leaves = [path_text(path) for path in self.paths]
        hint = self._on_wildcards() or self._closest()
        more = f", … and {len(leaves) - _LISTED} more" if len(leaves) > _LISTED else ""
        listed = (
            f"the leaves are {', '.join(leaves[:_LISTED])}{more}" if leaves else "the tree is empty"
        )
        # `model.target = model.online` makes no copy.
        one = (
            ", and one that has several names goes by the first" if self.option == "copies" else ""
        )
        return f"`{self.pattern}` in `{self.option}` matches no leaf{hint}: {listed}{one}"

    def _on_wildcards(self) -> str:
        """Say what to write in place of a wildcard where there are none; else nothing."""
        if self.wildcards or not {"*", "?"} & set(self.pattern):
            return ""
        name = self.pattern.split("/")[-1]
        plain = name if name and not {"*", "?"} & set(name) else "kernel"
        # Of the other options none takes a predicate.
        other = (
            f", or write a predicate, such as `lambda path: path[-1] == {plain!r}`"
            if self.option == "frozen"
            else ""
        )
        return (
            f" (`{self.option}` knows no wildcards: name the layer, which stands for all below it"
            f"{other})"
        )

    def _closest(self) -> str:
        """Say which pattern may be meant; nothing where none is close."""
        prefixes = {path_text(path[:n]) for path in self.paths for n in range(1, len(path) + 1)}
        # First of all the same name in another place, such as `params/l1` for `l1`.
        deeper = sorted((p for p in prefixes if p.endswith(f"/{self.pattern}")), key=len)
        # Or without a root that the leaves do not have, such as `l1` for `params/l1`.
        shorter = [inner for inner in [self.pattern.partition("/")[2]] if inner in prefixes]
        close = deeper or shorter or get_close_matches(self.pattern, sorted(prefixes), n=1)
        return f" (did you mean `{close[0]}`?)" if close else ""


def path_text(path: Path) -> str:
    """Return a path as messages show it, ``l1/kernel``; a tree that is one leaf is ``(root)``."""
    return "/".join(path) or "(root)"


def other_root_hint(missing: Iterable[Path], paths: Collection[Path]) -> list[str]:
    """Return the lines that say where a tree has a missing leaf below another root, if it does.

    Such as ``params/l1/kernel``, where parameters are compared with the state that holds them.
    """
    for path in sorted(missing):
        for other in paths:
            short, long = sorted((path, other), key=len)
            if short and len(short) < len(long) and long[-len(short) :] == short:
                there = f"`{path_text(other)}` is there, and `{path_text(path)}` is not"
                return ["", f"{there}: compare two trees of the same root."]
    return []


def normalise(key_path: Iterable[Any]) -> Path:
    """Return the path that a JAX key path spells.

    A last entry ``GetAttrKey('value')``, as the path of an NNX variable has it, is dropped. A
    parameter *named* ``value`` keeps its name. A key that is a tuple, as those that
    ``flax.traverse_util.flatten_dict`` makes, is a path by itself.
    """
    entries = tuple(key_path)
    if entries and getattr(entries[-1], "name", None) == "value":
        entries = entries[:-1]
    return _spelt(entries)


def _spelt(key_path: Iterable[Any]) -> Path:
    return tuple(segment for entry in key_path for segment in _segments(entry))


def _segments(entry: Any) -> Path:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            key = getattr(entry, attribute)
            return tuple(map(str, key)) if isinstance(key, tuple) and key else (str(key),)
    return (str(entry),)  # JAX lets a pytree node have keys of any type


class _Layout(NamedTuple):
    """The paths and the text that all trees of one structure share."""

    key_paths: list[tuple[Any, ...]]
    paths: list[Path]
    #: The paths of the nodes that hold values, such as NNX variables, which keep a name `value`.
    stems: list[Path]
    #: Without memory addresses or NNX metadata.
    text: str


#: By structure: to name the leaves takes ten times as long as to find them.
_layouts: dict[Any, _Layout] = {}
_MOST_LAYOUTS = 512


def flatten(tree: Any) -> tuple[list[Entry], str]:
    """Return the leaves of a tree, and its structure as text.

    The text has no memory addresses and no NNX metadata. Raises `ValueError` if two leaves have the
    same normalised path.
    """
    from jax.tree_util import GetAttrKey, tree_flatten, tree_flatten_with_path, tree_unflatten

    # Until somebody imports flax.nnx, no object can be an NNX one: NumPy and Linen stay light.
    nnx: Any = sys.modules.get("flax.nnx")
    is_nnx = _nnx_test(nnx) if nnx else None
    nodes, treedef = tree_flatten(tree, is_nnx)
    variables = bool(is_nnx and any(map(is_nnx, nodes)))
    if variables and any(isinstance(node, nnx.Pytree) for node in nodes):
        # Modules become states: JAX's own flattening of a module has no end if it refers to
        # itself, takes a `pytree=False` module for a leaf, and lists tied weights twice. Graph
        # mode by name: under `nnx.set_graph_mode(False)` tied weights would be an error.
        states = [
            nnx.state(node, graph=True) if isinstance(node, nnx.Pytree) else node for node in nodes
        ]
        tree = tree_unflatten(treedef, states)
        nodes, treedef = tree_flatten(tree, is_nnx)
    layout = _layout(treedef, tree, is_nnx)
    key_paths = layout.key_paths
    if not (is_nnx and variables):
        entries = list(map(Entry, layout.paths, nodes))
    else:
        entries, key_paths = [], []
        for key_path, path, stem, node in zip(*layout[:3], nodes, strict=True):
            if not is_nnx(node):
                entries.append(Entry(path, node))
                key_paths.append(key_path)
                continue
            # Read by hand, since JAX takes a variable made with `hijax=True` for a leaf.
            for rest, leaf in tree_flatten_with_path(node.get_raw_value())[0]:
                inside = (GetAttrKey("value"), *rest)
                entries.append(Entry(stem + normalise(inside), leaf, node))
                key_paths.append((*key_path, *inside))
    if len({entry.path for entry in entries}) < len(entries):
        _refuse_same_paths(entries, key_paths)
    return entries, layout.text


def _refuse_same_paths(entries: list[Entry], key_paths: list[tuple[Any, ...]]) -> NoReturn:
    from jax.tree_util import keystr

    first: dict[Path, Any] = {}
    for (path, *_), key_path in zip(entries, key_paths, strict=True):
        if path in first:
            break
        first[path] = key_path
    both = f"{keystr(first[path])} and {keystr(key_path)}"
    raise ValueError(f"two leaves have the same path `{path_text(path)}`: {both}")


def _nnx_test(nnx: Any) -> Callable[[Any], bool]:
    """Return a test for NNX variables and modules that looks once at each type.

    NNX itself asks first whether a node is a tracer, which takes four times as long as the rest.
    """
    from jax.core import Tracer

    known: dict[type, bool] = {}

    def is_nnx(node: Any) -> bool:
        kind = type(node)
        if kind not in known:
            answer = isinstance(node, (nnx.Pytree, nnx.Variable))
            if isinstance(node, Tracer):  # the answer depends on what is traced
                return answer
            known[kind] = answer
        return known[kind]

    return is_nnx


def _layout(treedef: Any, tree: Any, is_nnx: Callable[[Any], bool] | None) -> _Layout:
    from jax.tree_util import tree_flatten_with_path

    try:
        known = _layouts.get(treedef)
    except (TypeError, ValueError):  # static data that cannot be compared, such as arrays
        known = None
    if known is None:
        key_paths = [key_path for key_path, _ in tree_flatten_with_path(tree, is_nnx)[0]]
        stems = [*map(_spelt, key_paths)]
        text = _ADDRESS.sub("", str(treedef))
        known = _Layout(key_paths, [*map(normalise, key_paths)], stems, text)
        if len(_layouts) >= _MOST_LAYOUTS:
            _layouts.clear()
        _layouts[treedef] = known
    return known


def named_leaves(tree: Any) -> dict[Path, Any]:
    """Return the leaves of a tree by their paths, in the tree's order.

    Args:
        tree: a pytree, FrozenDict, ``nnx.State`` or ``nnx.Module``. NNX variables give their raw
            values. Weights that are tied inside one module are one leaf, under the name that sorts
            first; in a gradient that ``jax.grad`` took of the module they are several.

    Raises:
        ValueError: if two leaves have the same normalised path.
    """
    return {entry.path: entry.leaf for entry in flatten(tree)[0]}


def matches(path: Path, frozen: Frozen) -> bool:
    """Tell whether ``frozen`` covers ``path``; prefixes are compared segment by segment.

    Raises `TypeError` for a ``frozen`` that is neither a predicate nor a collection of patterns.
    """
    if callable(frozen) and not isinstance(frozen, type):
        return _chosen_by(frozen, path)
    return any(_covers(pattern, path) for pattern in _patterns(frozen))


def select(paths: Iterable[Path], frozen: Frozen) -> frozenset[Path]:
    """Return the paths that ``frozen`` covers.

    Args:
        paths: the paths of all leaves.
        frozen: prefixes, which are compared segment by segment, or a predicate on the path; ``()``
            covers nothing.

    Raises:
        UnmatchedPattern: for a pattern, or a predicate, that covers no path.
        TypeError: for a ``frozen`` that is neither a predicate nor a collection of patterns.
    """
    paths = tuple(paths)
    if callable(frozen) and not isinstance(frozen, type):
        chosen = frozenset(path for path in paths if _chosen_by(frozen, path))
        if not chosen:
            # Such as `lambda path: path == "l1/kernel"`, which compares a tuple with a string.
            name = getattr(frozen, "__name__", type(frozen).__name__)
            raise UnmatchedPattern(f"predicate {name}", paths)
        return chosen
    selected: set[Path] = set()
    for pattern in _patterns(frozen):
        covered = [path for path in paths if _covers(pattern, path)]
        if not covered:
            text = pattern if isinstance(pattern, str) else "/".join(map(str, pattern))
            raise UnmatchedPattern(text, paths)
        selected.update(covered)
    return frozenset(selected)


def _chosen_by(predicate: Callable[[Path], Any], path: Path) -> bool:
    """Ask a predicate of the user's about a path."""
    try:
        answer = predicate(path)
    except Exception as error:
        raise UnusableFrozen(
            f"`frozen` raises {type(error).__name__} for the path {path!r} ({error}): it is called "
            "with tuples of names, or with numbers where its argument is called `step`"
        ) from error
    if isinstance(answer, tuple):  # any would be taken for True
        raise UnusableFrozen(
            f"`frozen` returns {answer!r} for the path {path!r}, expected True or False; the "
            "argument of a function of the step is called `step`"
        )
    return bool(answer)


def _patterns(frozen: Frozen) -> Collection[Pattern]:
    # A string is a collection of its characters, a mask tree one of its top-level names, and a
    # class such as `nnx.Param` a callable with a truthy answer: all would freeze something else.
    if isinstance(frozen, str | Mapping) or not isinstance(frozen, Collection):
        raise UnusableFrozen(
            "`frozen` must be a collection of path prefixes, such as ('Dense_0',), or a predicate "
            f"on the path; got {frozen!r}{_instead_of(frozen)}"
        )
    for pattern in frozen:
        if not isinstance(pattern, str | tuple):
            raise UnusableFrozen(
                "a pattern in `frozen` must be a string such as 'encoder/block_1' or a tuple of "
                f"strings; got {pattern!r}"
            )
    return frozen


def _instead_of(frozen: Any) -> str:
    """Say what to write in the place of what is often tried."""
    if isinstance(frozen, str):
        return f": write ({frozen!r},)"
    if isinstance(frozen, Mapping) and frozen and all(isinstance(key, int) for key in frozen):
        return (
            ": write a function of the step, such as `lambda step: ('l1',) if step <= 10 else ()`"
        )
    return ""


def _covers(pattern: Pattern, path: Path) -> bool:
    if isinstance(pattern, str):
        # Compared as text, so that names which hold a "/" (Haiku's do) can be written as shown.
        return ("/".join(path) + "/").startswith(pattern + "/")
    return path[: len(pattern)] == tuple(map(str, pattern))
