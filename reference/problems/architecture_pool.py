"""The architectures that are drawn: few, since each is compiled for every shape of a batch."""

from __future__ import annotations

from .architecture import Architecture, Layer


def _plain(*widths: tuple[str, int]) -> Architecture:
    return Architecture(tuple(Layer(name, width=width) for name, width in widths))


#: Dense layers alone, the plainest first. All layers share one width, because the optimizer runs
#: operation by operation, and each is compiled for each shape of a leaf.
PLAIN = (
    _plain(("l1", 4), ("l2", 4)),
    # Names that are prefixes, suffixes and repeats of each other.
    _plain(("l1", 4), ("l11", 4), ("xl1", 4), ("head", 4)),
    _plain(("Dense_1", 4), ("Dense_10", 4), ("Dense_2", 4)),
    _plain(("l1", 4), ("head/l1", 4), ("head/l2", 4)),
    _plain(("encoder/block_1", 4), ("encoder/block_10", 4), ("decoder", 4)),
    # Leaves of one shape: state that is mixed up between two of them fits all the same, as it does
    # where names are sorted, and "layer_10" comes before "layer_2".
    _plain(*((f"layer_{number}", 4) for number in (0, 1, 2, 3, 10, 11))),
)

#: Two layers with the same weights.
TIED = Architecture(
    (
        Layer("l1", width=4),
        Layer("l2", width=4),
        Layer("l3", "tied", shares="l2"),
        Layer("l4", width=4),
    )
)

#: Layers with statistics that move as they train.
NORMALISED = Architecture(
    (
        Layer("l1/dense", width=4),
        Layer("l1/norm", "norm"),
        Layer("l2/dense", width=4),
        Layer("l2/norm", "norm"),
        Layer("l3", width=4),
    )
)

#: Layers that drop other units in every step.
DROPPING = Architecture(
    (
        Layer("l1/dense", width=4),
        Layer("l1/dropout", "dropout"),
        Layer("l2/dense", width=4),
        Layer("l2/dropout", "dropout"),
        Layer("l3", width=4),
    )
)

#: All architectures. The place of one chooses the size of its batches: layers with statistics take
#: many rows, since the mean of a single one is the row itself, and no layer before them trains.
EVERY = (*PLAIN, TIED, DROPPING, NORMALISED)
