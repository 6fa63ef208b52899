"""Disturbs the gradients of frozen leaves where a program takes them, whatever it then does.

What is handed to the optimizer comes late: a norm over all gradients, or each example's own, has
already been taken of them. So `jax.grad`, `jax.value_and_grad` and `jax.vjp`, by which NNX and most
libraries differentiate too, and `jax.jacrev` and `jax.jacfwd` are replaced by functions that pass
everything through and, while a training is disturbed, change the frozen leaves' part of what comes
out.

A gradient that is taken while another one is, such as that of the inner loop of MAML, belongs to
what the outer one differentiates: nothing trains by that gradient, and it stays as it is.

A step that was compiled before would not notice: a disturbed one is traced once more (see
`retracing`), and once for each way to disturb it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from zlib import crc32

import numpy as np

from ..optimizers.disturbances import DISTURBANCES
from ..pytrees.dtypes import is_float
from ..pytrees.paths import Path, normalise

Shape = tuple[int, ...]
Differentiate = Callable[..., Any]
Fits = Callable[[Shape, Shape], bool]


@dataclass
class Sighting:
    """What was seen of how one program takes gradients, over all of its runs.

    Over all: a step that was traced once shows nothing in later runs.
    """

    #: The parameters that some call differentiated by, as far as they can be told apart.
    found: set[Path] = field(default_factory=set)
    #: Its place among the programs of this process that freeze the same of the same leaves: where
    #: they share a compiled step, each has to be seen.
    numbers: dict[int, int] = field(default_factory=dict)


@dataclass
class Disturbance:
    """What is done to the gradients of which leaves; `shapes` are those of all parameters."""

    name: str
    shapes: Mapping[Path, Shape]
    frozen: frozenset[Path]
    sighting: Sighting = field(default_factory=Sighting)
    #: What becomes of the gradient of a frozen leaf; by default what the name says.
    change: Callable[[Any, Path], Any] | None = None
    #: What becomes of a gradient that may be of a frozen leaf, or of several in one array.
    change_unknown: Callable[[Any], Any] = lambda gradient: gradient

    @property
    def tag(self) -> str:
        """What tells it apart from others in one compiled step, and is the same in every run: what
        XLA has compiled is found again by it.
        """
        of = crc32(repr((sorted(self.frozen), sorted(self.shapes.items()))).encode())
        if of not in self.sighting.numbers:
            self.sighting.numbers[of] = _programs[of]
            _programs[of] += 1
        return f"{self.name} {of} {self.sighting.numbers[of]}"

    def applied(self, gradient: Any, path: Path) -> Any:
        """Return the changed gradient of a frozen leaf."""
        if self.change is not None:
            return self.change(gradient, path)
        from jax import numpy as jnp

        return DISTURBANCES[self.name](gradient, jnp)


#: By checksums of leaves and of what is frozen, how many programs were disturbed.
_programs: Counter[int] = Counter()
_active: Disturbance | None = None
#: How many gradients are being taken, one within the other.
_depth = 0
#: Functions that return gradients alone: those of a number, and of several numbers one for each.
_GRADIENTS = ("grad", "jacrev", "jacfwd")
_originals: dict[str, Differentiate] | None = None


def install() -> None:
    """Replace the functions for good; do it before code under test is imported, since
    `from jax import grad` binds what stands there at that moment.
    """
    global _originals
    if _originals is not None:
        return
    import jax

    _originals = {name: getattr(jax, name) for name in ("vjp", "value_and_grad", *_GRADIENTS)}
    for name in _GRADIENTS:
        fits = _fits if name == "grad" else _fits_for_each
        setattr(jax, name, _disturbing(_originals[name], returns_value=False, fits=fits))
    jax.value_and_grad = _disturbing(jax.value_and_grad, returns_value=True, fits=_fits)
    jax.vjp = _disturbing_vjp(jax.vjp)


def uninstall() -> None:
    """Put the original functions back."""
    global _originals
    if _originals is None:
        return
    import jax

    for name, original in _originals.items():
        setattr(jax, name, original)
    _originals = None


@contextmanager
def disturbing_gradients(disturbance: Disturbance) -> Iterator[None]:
    """Disturb, inside the block, the frozen leaves' part of all gradients that are taken."""
    global _active
    installed_here = _originals is None
    install()
    _active = disturbance
    try:
        with _retraced(frostproof_disturbed=disturbance.tag):
            yield
    finally:
        _active = None
        if installed_here:
            uninstall()


@contextmanager
def _within_a_gradient() -> Iterator[None]:
    global _depth
    _depth += 1
    # A compiled `jax.grad` may be called within another one and outside of it: each has its trace.
    apart = nullcontext() if _active is None else _retraced(frostproof_within="a gradient")
    try:
        with apart:
            yield
    finally:
        _depth -= 1


def _retraced(**tag: str) -> AbstractContextManager[None]:
    from ..optimizers.retracing import retraced  # here: it brings JAX

    return retraced(**tag)


def _disturbing(differentiate: Differentiate, *, returns_value: bool, fits: Fits) -> Differentiate:
    """Return `jax.grad`, or one like it, with a look at what it returns."""

    @functools.wraps(differentiate)
    def take(fun: Any, argnums: Any = 0, has_aux: bool = False, **keywords: Any) -> Any:
        taken = differentiate(fun, argnums, has_aux, **keywords)

        @functools.wraps(taken)
        def call(*arguments: Any, **named: Any) -> Any:
            with _within_a_gradient():
                answer = taken(*arguments, **named)
            if _active is None or _depth:
                return answer
            several = not hasattr(argnums, "__index__")
            if returns_value:
                return answer[0], _disturb(_active, answer[1], several, fits)
            if has_aux:
                return _disturb(_active, answer[0], several, fits), answer[1]
            return _disturb(_active, answer, several, fits)

        return call

    return take


def _disturbing_vjp(vjp: Differentiate) -> Differentiate:
    """Return `jax.vjp` with a look at what the function that it returns makes of cotangents."""

    @functools.wraps(vjp)
    def take(fun: Any, *primals: Any, **keywords: Any) -> Any:
        with _within_a_gradient():
            answer = vjp(fun, *primals, **keywords)
        if _active is None or _depth:
            return answer
        from jax.tree_util import Partial  # which a compiled function can return, as JAX's own

        out, pull_back, *aux = answer
        return out, Partial(functools.partial(_pull_back, _active), pull_back), *aux

    return take


def _pull_back(disturbance: Disturbance, pull_back: Any, cotangent: Any) -> Any:
    with _within_a_gradient():
        gradients = pull_back(cotangent)
    return _disturb(disturbance, gradients, True, _fits)


def _disturb(disturbance: Disturbance, gradients: Any, several: bool, fits: Fits) -> Any:
    """Disturb the frozen leaves among gradients: of one argument, or a tuple of several."""
    if several:
        return tuple(_disturb(disturbance, each, False, fits) for each in gradients)
    from jax import Array
    from jax.tree_util import tree_flatten_with_path, tree_unflatten

    leaves, form = tree_flatten_with_path(gradients)
    taken = {
        number: (normalise(path), leaf.shape)
        for number, (path, leaf) in enumerate(leaves)
        if isinstance(leaf, Array) and is_float(np.dtype(leaf.dtype))
    }
    places = _places(list(taken.values()), disturbance.shapes, fits)
    belonging = dict(zip(taken, places, strict=True))
    changed = []
    for number, (_, leaf) in enumerate(leaves):
        candidates = belonging.get(number, frozenset())
        if candidates and candidates <= disturbance.frozen:
            leaf = disturbance.applied(leaf, min(candidates))
        elif number in belonging and not (candidates and candidates.isdisjoint(disturbance.frozen)):
            leaf = disturbance.change_unknown(leaf)
        # Of one that fits frozen and trainable leaves nobody can tell whose gradient it is.
        if candidates <= disturbance.frozen or not candidates & disturbance.frozen:
            disturbance.sighting.found |= candidates
        changed.append(leaf)
    return tree_unflatten(form, changed)


def _places(
    taken: list[tuple[Path, Shape]], shapes: Mapping[Path, Shape], fits: Fits
) -> list[frozenset[Path]]:
    """Return, for each leaf of a tree of gradients, which parameters it can be the gradient of.

    The tree may hang deeper than the parameters do (NNX differentiates by `states/0/l1/kernel`), or
    be a part of them, such as the layer `head` alone, or both. It lies where most of its leaves
    fit; where it fits in several places, each leaf has several candidates.
    """
    prefixes = {path[:length] for path in shapes for length in range(len(path))}
    deeper = range(1, max((len(path) for path, _ in taken), default=0))
    placed = [[path[start:] for path, _ in taken] for start in deeper]
    placed += [[prefix + path for path, _ in taken] for prefix in prefixes]
    # Both only where neither says anything: a leaf alone would fit below any layer of its form.
    above = range(1, _shared_names(taken) + 1)
    parts = [[prefix + path[n:] for path, _ in taken] for n in above for prefix in prefixes]
    best = _best_fitting(placed, taken, shapes, fits) or _best_fitting(parts, taken, shapes, fits)
    return [
        frozenset(paths[number] for paths in best) - {None}  # type: ignore[misc]
        for number in range(len(taken))
    ]


def _shared_names(taken: list[tuple[Path, Shape]]) -> int:
    """Return how many names above their own all leaves share."""
    above = [path[:-1] for path, _ in taken]
    levels = zip(*above, strict=False)  # as deep as the first leaf whose names end
    return sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))


def _best_fitting(
    placed: list[list[Path]],
    taken: list[tuple[Path, Shape]],
    shapes: Mapping[Path, Shape],
    fits: Fits,
) -> list[list[Path | None]]:
    """Return the places in which most leaves fit, with None where a place is not a parameter; none
    where no leaf fits anywhere. A tree does not lie where it would have a parameter in another
    shape, as the last layers of a list do among the first, whose names they have.
    """
    fitting = [
        [path if path in shapes else None for path in paths]
        for paths in placed
        if all(
            fits(shape, shapes[path])
            for path, (_, shape) in zip(paths, taken, strict=True)
            if path in shapes
        )
    ]
    most = max((len(paths) - paths.count(None) for paths in fitting), default=0)
    return [paths for paths in fitting if most and len(paths) - paths.count(None) == most]


def _fits(taken: Shape, whole: Shape) -> bool:
    """Tell whether a gradient can be that of a parameter, or of one in a stack of them."""
    return len(taken) <= len(whole) and whole[len(whole) - len(taken) :] == taken


def _fits_for_each(taken: Shape, whole: Shape) -> bool:
    """Tell whether a Jacobian can hold the gradient of a parameter for each of several numbers."""
    return _fits(taken, whole) or taken[max(len(taken) - len(whole), 0) :] == whole
