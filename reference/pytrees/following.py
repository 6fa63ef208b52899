"""Copies that have to follow: which leaves of a state follow which others, and how far they go."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .articles import a_type_of
from .paths import Path, UnmatchedPattern, path_text, select
from .phases import depends_on_step

#: The part of the way that a copy goes to what it follows, in each step or as a function of `step`,
#: counted from 1. 1 makes an exact copy.
Rate = float | Callable[[int], float]


class UnusableCopies(ValueError):
    """`copies=` cannot be read, or names what the state does not have."""


class Following(NamedTuple):
    """What `copies=` says of one pattern."""

    pattern: str
    followed: str
    rate: Rate


#: Steps by which a decay as close to 1 as a float can be has faded.
_VERY_LATE = (2**29, 2**30)


class Copy(NamedTuple):
    """A leaf of a state that follows another one."""

    path: Path
    followed: Path
    rate: Rate
    #: How many segments of both paths the program does not know: where its module stands.
    hidden: int = 0

    @property
    def names(self) -> tuple[str, str]:
        """The names of both leaves, as the program has them."""
        return path_text(self.path[self.hidden :]), path_text(self.followed[self.hidden :])

    @property
    def is_exact(self) -> bool:
        """Whether it has to be the exact copy after each step. A rate that is a function may be 1
        in some steps, and belong to an average that rounds there as elsewhere.
        """
        return self.rate == 1

    @property
    def settled_rate(self) -> float | None:
        """The rate after very many steps; None where it is a number, or settles at none above 0."""
        if not callable(self.rate):
            return None
        try:
            late, later = map(self.rate_at, _VERY_LATE)
        except UnusableCopies:  # such as one that looks into a table
            return None
        return late if late == later and 0 < late < 1 else None

    def rate_at(self, step: int) -> float:
        """Return the part of the way that it goes in a step, counted from 1.

        Raises `UnusableCopies` where a function of the user's raises, or returns no number.
        """
        if not callable(self.rate):
            return self.rate
        said = f"the rate of `{self.names[0]}` in `copies`, a function of `step`,"
        try:
            rate = self.rate(step)
        except Exception as error:
            raise UnusableCopies(
                f"{said} raises {type(error).__name__} for step {step} ({error})"
            ) from None
        try:
            return float(rate)
        except (TypeError, ValueError, OverflowError):
            raise UnusableCopies(
                f"{said} returned {a_type_of(rate)} for step {step}, expected a number"
            ) from None


def read_copies(copies: Any) -> tuple[Following, ...]:
    """Return what `copies=` says.

    Raises `UnusableCopies` for anything but patterns of copies with what these follow: a pattern,
    or a pattern and a rate.
    """
    if not isinstance(copies, Mapping):
        raise UnusableCopies(f"`copies` must be a dict, got {copies!r}: {_FORM}")
    return tuple(_read(pattern, value) for pattern, value in copies.items())


#: How the engine's optimizer calls what it records, beside the state of that which it wraps.
_RECORDED = "frostproof_"
_FORM = (
    "such as copies={'target': 'params'} for an exact copy, or {'average': ('params', 0.01)} for "
    "one that goes a hundredth of the way in each step"
)


def _read(pattern: Any, value: Any) -> Following:
    followed, rate = value if isinstance(value, tuple) and len(value) == 2 else (value, 1.0)
    if not isinstance(pattern, str) or not isinstance(followed, str):
        raise UnusableCopies(f"`copies` has {pattern!r}: {value!r}: write it {_FORM}")
    is_rate = isinstance(rate, int | float) and 0 < rate <= 1
    if not is_rate and not depends_on_step(rate):
        raise UnusableCopies(
            f"the rate of `{pattern}` in `copies` must be a number above 0 and at most 1, or a "
            f"function whose argument is called `step`, got {_shown(rate)}"
        )
    return Following(pattern, followed, rate)


def _shown(rate: Any) -> str:
    if callable(rate) and (arguments := list(_arguments(rate))):
        return f"{getattr(rate, '__name__', 'a function')}({', '.join(arguments)})"
    return repr(rate)


def _arguments(function: Any) -> Iterable[str]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return ()


def find_copies(
    declared: Iterable[Following], leaves: Collection[Path], roots: Iterable[Path]
) -> tuple[Copy, ...]:
    """Return the copies in a state, apart from what the engine's optimizer records.

    Args:
        declared: what `copies=` says.
        leaves: the paths of the state's leaves.
        roots: where the paths that the program knows begin.

    Raises:
        UnmatchedPattern: for a pattern that covers no leaf.
        UnusableCopies: for a copy of a leaf that does not exist.
    """
    own = [path for path in leaves if not any(name.startswith(_RECORDED) for name in path)]
    return tuple(copy for each in declared for copy in _copies(each, own, tuple(roots)))


def _copies(each: Following, leaves: Collection[Path], roots: tuple[Path, ...]) -> Iterator[Copy]:
    start = _root(each.pattern, leaves, roots)
    at = _root(each.followed, leaves, roots)
    known = {path[len(at) :] for path in leaves if path[: len(at)] == at}
    depth = each.pattern.count("/") + 1
    inside = [path[len(start) :] for path in leaves if path[: len(start)] == start]
    try:
        covered = sorted(select(inside, [each.pattern]))
    except UnmatchedPattern as unmatched:
        raise UnmatchedPattern(each.pattern, unmatched.paths, "copies") from None
    for path in covered:
        followed = (*each.followed.split("/"), *path[depth:])
        if followed not in known:
            raise UnusableCopies(
                f"`copies` says that {path_text(path)} follows {path_text(followed)}, which the "
                "state does not have"
            )
        yield Copy((*start, *path), (*at, *followed), each.rate, len(start))


def _root(pattern: str, leaves: Collection[Path], roots: tuple[Path, ...]) -> Path:
    """Return where a pattern begins: at the first root below which it covers something."""
    segments = tuple(pattern.split("/"))
    for root in roots:
        whole = (*root, *segments)
        if any(path[: len(whole)] == whole for path in leaves):
            return root
    return roots[0]


def copied_params(
    params: Collection[Path], leaves: Collection[Path], copies: Iterable[Copy]
) -> frozenset[Path]:
    """Return the parameters that are copies of others: such a leaf is neither frozen nor trained.

    The parameters are where all of them stand below one place of the state, and not all of what
    stands there is a copy: a copy of all parameters has the same names.
    """
    following, known = {each.path for each in copies}, frozenset(leaves)
    found = frozenset[Path]()
    places = {
        path[: len(path) - len(param)]
        for path in following
        for param in params
        if path[len(path) - len(param) :] == param
    }
    for place in places:
        here = {param: (*place, *param) for param in params}
        copied = {param for param, path in here.items() if path in following}
        if known.issuperset(here.values()) and len(copied) < len(here):
            found |= copied
    return found
