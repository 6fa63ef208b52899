"""Plots of a report, as SVG that stands in the page and takes its colours and its font from it."""

from __future__ import annotations

import io
import itertools
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ....properties.engine.example_labels import TRAITS
from ...results.row import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours by the name of the page's variable; matplotlib draws with others that nobody else uses.
_COLOURS = {
    "ink": "#010203",
    "soft": "#010204",
    "line": "#010205",
    "ice": "#010206",
    "bad": "#010207",
}
#: Another one for each figure, so that no two figures of a page share an id.
_salts = itertools.count()
#: Values of one trait that are shown; the others are counted together.
_MOST = 12
#: Leaves that are drawn beside the one that drifts furthest.
_BESIDE = 5


def plot_drift(drift: Mapping[str, Sequence[int | None]]) -> Markup | None:
    """Plot how far frozen leaves drift over the steps; None where no leaf moved over two steps."""
    leaves = {leaf: steps for leaf, steps in drift.items() if any(steps)}
    if not leaves or max(map(len, leaves.values())) < 2:
        return None
    worst = max(step for steps in leaves.values() for step in steps if step)
    leaf, steps = max(leaves.items(), key=lambda each: max(filter(None, each[1])))
    others = [name for name in leaves if name != leaf]

    def draw(axes: Axes) -> None:
        for name in (*others[:_BESIDE], leaf):
            shown = [math.nan if each is None else each for each in leaves[name]]
            colour = "bad" if name == leaf else "soft"
            axes.plot(range(1, len(shown) + 1), shown, "o-", ms=3.5, lw=1.5, color=_COLOURS[colour])
        if worst > 1000 * min(filter(None, steps)):
            axes.set_yscale("symlog", linthresh=1)
        axes.set_xlabel("step")
        axes.set_xticks(range(1, len(steps) + 1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)

    first, last = (_ulps(steps[place]) for place in (0, -1))
    return _figure(
        f"Drift of the frozen {leaf} in ulps, as training goes on",
        f"{first} after step 1, {last} after step {len(steps)}{_in_grey(others)}",
        draw,
        told=True,
    )


def _in_grey(others: Sequence[str]) -> str:
    """Say which frozen leaves are drawn beside the one that drifts furthest."""
    if len(others) > _BESIDE:
        return f"; in grey {_BESIDE} of {len(others)} other frozen leaves that drift"
    return f"; in grey {', '.join(others)}" if others else ""


def _ulps(distance: int | None) -> str:
    return "NaN" if distance is None else f"{distance:,}"


def plot_bound(name: str, observed: float, expected: float, bound: float) -> Markup | None:
    """Plot a number against the oracle's, in units of its bound; None without a positive bound."""
    if not (math.isfinite(observed) and math.isfinite(expected) and bound > 0):
        return None
    off = (observed - expected) / bound

    def draw(axes: Axes) -> None:
        axes.set_xscale("symlog", linthresh=1)
        axes.axvspan(-1, 1, color=_COLOURS["ice"], alpha=0.25, lw=0)
        axes.axvline(0, color=_COLOURS["ice"], lw=1.5)
        axes.plot([off], [0], "o", ms=8, color=_COLOURS["bad"])
        reach = 10 ** math.ceil(math.log10(max(abs(off), 10)))
        axes.set_xlim(-reach, reach)
        ticks = [-reach, -1, 1, reach]
        axes.set_xticks(ticks, [f"{tick:,.0f}" if reach < 1e6 else f"{tick:.0e}" for tick in ticks])
        axes.set_yticks([])
        axes.minorticks_off()
        axes.set_xlabel("distance from the oracle, in units of its bound")

    return _figure(
        f"{name} against the oracle",
        f"{abs(off):.3g} times its bound {'above' if off > 0 else 'below'} what is expected",
        draw,
        height=1.15,
        told=True,
    )


def plot_draws(rows: Iterable[Row]) -> list[Markup]:
    """Plot how often each value of each trait was drawn, summed over all rows."""
    counts: dict[str, Counter[str]] = {trait: Counter() for trait in TRAITS}
    for row in rows:
        for label, count in row.labels.items():
            trait, colon, value = label.partition(": ")
            if colon and trait in counts:
                counts[trait][value] += count
    return [_bars(trait, values) for trait, values in counts.items() if values]


def _bars(trait: str, values: Counter[str]) -> Markup:
    shown = values.most_common(_MOST)
    if trait in ("learning rate", "steps"):
        shown.sort(key=lambda each: _rank(each[0]))
    rest = values.total() - sum(count for _, count in shown)
    shown += [("others", rest)] if rest else []
    total = values.total()

    def draw(axes: Axes) -> None:
        names = [name if len(name) <= 32 else f"{name[:31]}…" for name, _ in shown]
        axes.barh(range(len(shown)), [count for _, count in shown], 0.62, color=_COLOURS["ice"])
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        for place, (_, count) in enumerate(shown):
            axes.annotate(
                _share(count, total), (count, place), (4, 0), textcoords="offset points",
                va="center", fontsize=8.5, color=_COLOURS["soft"],
            )  # fmt: skip

    words = ", ".join(f"{name} {_share(count, total)}" for name, count in shown)
    return _figure(trait.capitalize(), f"{trait}: {words}", draw, height=0.35 + 0.22 * len(shown))


def _share(count: int, total: int) -> str:
    return f"{count / total:.0%}" if count / total >= 0.005 else "<1%"


def _rank(value: str) -> float:
    order = {"negative": -2.0, "zero": -1.0, "below 1e-6": 0.0, "1e4 and above": math.inf}
    try:
        return order[value] if value in order else float(value)
    except ValueError:  # of another version
        return math.inf


def _figure(
    title: str, description: str, draw: Any, *, height: float = 2.0, told: bool = False
) -> Markup:
    """Return a figure drawn on axes without a frame.

    Args:
        title: the caption.
        description: what the figure shows, in words.
        draw: draws on the axes.
        height: in inches.
        told: show the description to everyone; else only screen readers have it.
    """
    with warnings.catch_warnings():
        # It warns of glyphs that its font lacks and the page's may have, and of its own calls.
        warnings.simplefilter("ignore")
        import matplotlib
        from matplotlib.figure import Figure  # no pyplot: no state, no window

        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # not the settings of the user's own plots
            matplotlib.rcParams.update(_style())
            figure = Figure(figsize=(3.6, height), layout="constrained")
            figure.patch.set_alpha(0)
            draw(figure.add_subplot(facecolor="none"))
            written = io.StringIO()
            figure.savefig(written, format="svg", metadata={"Date": None})
    words = Markup(" <b>{}</b>").format(description) if told else ""
    return Markup("<figure><figcaption>{}{}</figcaption>{}</figure>").format(
        title, words, _inlined(written.getvalue(), title if told else description)
    )


def _style() -> Any:
    return {
        "svg.fonttype": "none", "svg.hashsalt": str(next(_salts)), "font.size": 9.5,
        "text.parse_math": False,  # a subject may write one dollar, or two
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": _COLOURS["line"], "axes.labelcolor": _COLOURS["soft"],
        "xtick.color": _COLOURS["line"], "ytick.color": _COLOURS["line"],
        "xtick.labelcolor": _COLOURS["soft"], "ytick.labelcolor": _COLOURS["soft"],
    }  # fmt: skip


def _inlined(svg: str, description: str) -> Markup:
    """Make an SVG file part of a page: remove its head and style, and add a description.

    Texts of a subject in it, such as the name of a leaf, are escaped by matplotlib.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for name, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1))
