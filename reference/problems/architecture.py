"""Architectures as values: multilayer perceptrons of named layers, which both APIs build alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, final

from ..pytrees.paths import Frozen, Path, matches, path_text, select

#: The kinds of layers; "tied" is a dense layer that uses the weights of an earlier one.
KINDS = ("dense", "tied", "norm", "dropout")
#: The names of each kind's parameters. A tied layer has no parameters itself.
_PARAMETERS = {"dense": ("kernel", "bias"), "norm": ("scale", "bias")}


@final
@dataclass(frozen=True)
class Layer:
    """One layer: a path such as "encoder/block_1", its kind, and its width if it is dense."""

    name: str
    kind: str = "dense"
    width: int | None = None
    #: The layer whose weights a tied one uses.
    shares: str | None = None

    @property
    def path(self) -> Path:
        """The path from the root, in segments."""
        return tuple(self.name.split("/"))

    @property
    def leaves(self) -> tuple[Path, ...]:
        """The paths of the layer's parameters."""
        return tuple((*self.path, name) for name in _PARAMETERS.get(self.kind, ()))


@final
@dataclass(frozen=True)
class Architecture:
    """Layers in the order in which they are applied; every dense one but the first takes elu.

    elu(0) = 0 as for relu, but no unit dies of it: of twelve layers of four relus, half of all rows
    leave nothing. It is unbounded, so that overflow shows, and has no kink, so that what rounding
    changes stays small.

    Raises `ValueError` for layers that cannot be built.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(f"{[layer.name for layer in self.layers]} cannot be built: {problem}")

    @property
    def first(self) -> str:
        """The name of the layer that takes the inputs as they are."""
        return self.layers[0].name

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The widths of the dense layers, in order, tied ones included."""
        widths = {layer.name: layer.width or 0 for layer in self.layers if layer.kind == "dense"}
        return tuple(
            widths.get(layer.shares or layer.name, 0)
            for layer in self.layers
            if layer.kind in ("dense", "tied")
        )

    def width_before(self, layer: Layer) -> int | None:
        """Return the width of a layer's inputs; None for the first layer, which takes any."""
        before = self.layers[: self.layers.index(layer)]
        dense = sum(each.kind in ("dense", "tied") for each in before)
        return self.widths[dense - 1] if dense else None

    @property
    def outputs(self) -> tuple[int]:
        """The shape of one row of predictions."""
        return (self.widths[-1],)

    @cached_property
    def leaves(self) -> tuple[Path, ...]:
        """The paths of all parameters, those of tied layers under the first name alone."""
        return tuple(leaf for layer in self.layers for leaf in layer.leaves)

    @cached_property
    def names(self) -> Mapping[Path, Path]:
        """Every path under which a leaf can be named, with the path that it is found under."""
        names = {leaf: leaf for leaf in self.leaves}
        for tied in self._of_kind("tied"):
            source = self.layer(tied.shares)
            names |= {(*tied.path, leaf[-1]): leaf for leaf in source.leaves}
        return names

    def layer(self, name: str | None) -> Layer:
        """Return a layer by its name; raises `KeyError`."""
        return {layer.name: layer for layer in self.layers}[str(name)]

    def index(self, layer: Layer) -> int:
        """Return a layer's place in the order of application."""
        return self.layers.index(layer)

    def children(self, block: Path) -> Iterator[tuple[str, Layer | None]]:
        """Yield the names directly inside a block, in order, each with its layer.

        A block inside the block comes once, with None; the whole network is the block ().
        """
        depth, last = len(block), None
        for layer in self.layers:
            if layer.path[:depth] != block:
                continue
            segment, is_layer = layer.path[depth], len(layer.path) == depth + 1
            if is_layer or segment != last:
                yield segment, layer if is_layer else None
            last = segment

    def select(self, frozen: Frozen) -> frozenset[Path]:
        """Return the leaves that `frozen` names, by either name where weights are tied.

        Raises `UnmatchedPattern` for a pattern that names no leaf; it lists the paths.
        """
        return frozenset(self.names[path] for path in select(self.names, frozen))

    def standing_still(self, frozen: frozenset[Path]) -> frozenset[str]:
        """Return the names of norm and dropout layers in the frozen part: in inference mode.

        A norm belongs to it if its own parameters are frozen, for its statistics would change what
        it computes; a dropout, which has none, if the parameters that come before it are.
        """
        still, before_is_frozen = set(), False
        for layer in self.layers:
            own = layer.leaves or (self.layer(layer.shares).leaves if layer.shares else ())
            before_is_frozen = all(leaf in frozen for leaf in own) if own else before_is_frozen
            if layer.kind in ("norm", "dropout") and before_is_frozen:
                still.add(layer.name)
        return frozenset(still)

    @property
    def is_noisy(self) -> bool:
        """Whether it has dropout."""
        return bool(self._of_kind("dropout"))

    @property
    def has_statistics(self) -> bool:
        """Whether it has batch normalisation."""
        return bool(self._of_kind("norm"))

    def record(self) -> dict[str, Any]:
        """Return the architecture as a record for JSON."""
        layers = [
            {k: v for k, v in asdict(layer).items() if v is not None} for layer in self.layers
        ]
        return {"layers": layers}

    @classmethod
    def read(cls, record: Any) -> Architecture:
        """Return the architecture of a record; raises `ValueError` for anything else."""
        try:
            return cls(tuple(Layer(**fields) for fields in record["layers"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{record!r} is not a record of an architecture: {error}") from None

    def __str__(self) -> str:
        """Return the layers in a row: `l1(4) → l2(2)`."""
        shown = {"dense": "{0.name}({0.width})", "tied": "{0.name}(as {0.shares})"}
        return " → ".join(shown.get(each.kind, "{0.name}").format(each) for each in self.layers)

    def _of_kind(self, kind: str) -> list[Layer]:
        return [layer for layer in self.layers if layer.kind == kind]

    def _problems(self) -> Iterator[str]:
        for number, layer in enumerate(self.layers):
            before = self.layers[:number]
            if layer.kind not in KINDS:
                yield f"{layer.kind!r} is not a kind of layer: {', '.join(KINDS)}"
            if (layer.kind == "dense") != isinstance(layer.width, int):
                yield f"{layer.name}: dense layers, and only those, have a width"
            if not all(segment.isidentifier() for segment in layer.path):
                yield f"{layer.name} is not a path of identifiers"
            for other in before:
                if matches(layer.path, [other.name]) or matches(other.path, [layer.name]):
                    yield f"{layer.name} would lie inside {other.name}, or be it"
            if layer.kind == "tied":
                yield from self._wrongly_tied(layer, before)
        if not 2 <= len(self.widths) <= 12 or self.layers[0].kind != "dense":
            yield "the network must have 2 to 12 dense layers, one of them first"
        for block in {layer.path[:depth] for layer in self.layers for depth in range(9)}:
            inside = [layer.path[: len(block)] == block for layer in self.layers]
            if [together for together, _ in groupby(inside)].count(True) > 1:
                yield f"the layers of block {path_text(block)} do not stand together"

    def _wrongly_tied(self, layer: Layer, before: tuple[Layer, ...]) -> Iterator[str]:
        dense = [each for each in before if each.kind in ("dense", "tied")]
        names = [each.name for each in dense]
        if layer.shares not in names[1:] or self.layer(layer.shares).kind != "dense":
            yield f"{layer.name} must share a dense layer before it, other than the first"
            return
        source = self.layer(layer.shares)
        if source.path[:-1] != layer.path[:-1] or source.name > layer.name:
            # Linen lists shared weights where they are made, NNX under the name that sorts first.
            yield f"{layer.name} must lie in the block of {source.name} and sort after it"
        if self.widths[names.index(source.name) - 1] != self.widths[len(dense) - 1]:
            yield f"{layer.name} gets inputs of another width than {source.name}"
