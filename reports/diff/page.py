"""A diff as a page: the layers as a tree, in which what went wrong stands open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import final

from markupsafe import Markup

from ...properties.checkpoints.judging import Judged
from ...properties.checkpoints.roles import Role
from ...properties.laws.book import BY_ID
from ..formats import html
from ..formats.html.environment import environment
from ..formats.wording import conclusion
from ..results.report import Report

#: How a leaf is shown, from what a person has to see first to what goes without saying.
STATES = {
    "moved": "frozen, and moved",
    "still": "trainable, and bit-identical",
    "form": "trainable, of another form",
    "kept": "frozen, and kept",
    "trained": "trainable, and moved",
    "state": "state of the training",
    "stayed": "stayed bit-identical",
    "changed": "moved",
    "vanished": "vanished",
    "appeared": "appeared",
}
_HERE = FilePath(__file__).parent / "templates"
_SHARED = FilePath(html.__file__).parent / "templates"
#: From so many leaves on only what went wrong stands open, and that up to this many.
_OPEN = 200


@final
@dataclass
class Node:
    """A layer: those within it, or the leaf that it is."""

    name: str
    inside: dict[str, Node] = field(default_factory=dict)
    leaf: Judged | None = None
    #: Leaves below by their state.
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The first state, in the order of `STATES`, that a leaf below is in."""
        return next(state for state in STATES if state in self.counts)

    @property
    def is_wrong(self) -> bool:
        """Whether a leaf below is other than was promised."""
        return self.state in ("moved", "still", "form")


def tree_page(before: str, after: str, judged: Sequence[Judged], report: Report | None) -> str:
    """Return the page; `report` is None where nothing says what had to stay. All that a file or a
    user wrote is escaped.
    """
    root = tree_of(judged, listed=report is None)
    return environment(_HERE).get_template("tree.html").render(
        before=before,
        after=after,
        report=report,
        headline=_headline(judged, report),
        mood="" if report is None else "bad" if report.exit_status else "good",
        root=root,
        small=len(judged) <= _OPEN,
        states=STATES,
        statements={id: law.statement for id, law in BY_ID.items()},
        style=Markup((_SHARED / "style.css").read_text() + (_HERE / "tree.css").read_text()),
    )  # fmt: skip


def _headline(judged: Sequence[Judged], report: Report | None) -> str:
    if report is None:
        fates = Counter(each.fate for each in judged)
        unpaired = ("vanished", "appeared")
        others = "".join(f", {fates[fate]:,} {fate}" for fate in unpaired if fates[fate])
        return f"{fates['moved']:,} of {len(judged):,} leaves moved{others}"
    counts = Counter(_state(each, listed=False) for each in judged)
    frozen = counts["moved"] + counts["kept"]
    parts = [f"{counts['moved']:,} of {frozen:,} frozen leaves moved"] if counts["moved"] else []
    if counts["still"]:
        parts.append(f"{counts['still']:,} trainable stayed")
    ended = ", ".join(parts) or conclusion(report)
    return ended[0].upper() + ended[1:]


def tree_of(judged: Sequence[Judged], *, listed: bool = False) -> Node:
    """Return the leaves as a tree; `listed` if nothing says which of them had to stay."""
    root = Node("")
    for each in judged:
        node, state = root, _state(each, listed=listed)
        root.counts[state] = root.counts.get(state, 0) + 1
        for segment in each.path:
            node = node.inside.setdefault(segment, Node(segment))
            node.counts[state] = node.counts.get(state, 0) + 1
        node.leaf = each
    return root


def _state(judged: Judged, *, listed: bool) -> str:
    if judged.drift is not None:
        return "moved"
    if judged.role is Role.STATE:
        return "state"
    if listed:
        return "changed" if judged.fate == "moved" else judged.fate
    if judged.role is Role.FROZEN:
        return "moved" if judged.moved else "kept"
    if judged.pair.form_change is not None:
        return "form"
    return "trained" if judged.moved else "still"
