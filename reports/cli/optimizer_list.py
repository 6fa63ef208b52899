"""Prints the catalogue of optimizers: what each is, and what it does to a frozen leaf."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase

from rich.console import Console
from rich.markup import escape

from ...reference.optimizers.catalogue import CATALOGUE, COMMON, Entry
from ...reference.pytrees.spelling import did_you_mean

#: The facts of the catalogue in the words of a user.
FACTS: Mapping[str, str] = {
    "couples_leaves": "a gradient changes the updates of other leaves",
    "moves_on_zero_gradient": "moves on a zero gradient",
    "moves_when_warm": "moves on after the gradient is zero",
    "waits": "the first step moves nothing",
    "spreads_nan": "spreads NaN to other leaves",
    "stops_on_nan": "skips steps with NaN",
    "nan_when_all_zero": "NaN where all gradients are zero",
    "nan_in_float16": "NaN in float16 on a zero gradient",
    "stochastic": "adds noise",
    "picky": "raises on some trees",
}
#: Functions of Optax that hold the parts of a row together, and do not say what it is.
_JOINTS = ("chain", "inject_hyperparams", "scale_by_schedule")


def print_optimizers(glob: str = "*") -> None:
    """Print the rows of the catalogue whose name matches.

    Raises:
        ValueError: where none does.
    """
    rows = [entry for name, entry in CATALOGUE.items() if fnmatchcase(name, glob)]
    if not rows:
        meant = did_you_mean(glob, CATALOGUE)
        raise ValueError(f"no optimizer of the catalogue is called {glob!r}{meant}")
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for entry in rows:
        traits = ", ".join(_traits(entry))
        console.print(f"[bold]{entry.name}[/]{f' [dim]({traits})[/]' if traits else ''}")
        console.print(f"    {escape(_summary(entry))}")
        if facts := _facts(entry):
            console.print(f"    {escape('; '.join(facts))}")


def _traits(entry: Entry) -> Iterator[str]:
    if entry.name in COMMON:
        yield "common"
    if entry.wraps:
        yield "around another: behind="
    if entry.excluded:
        yield f"never drawn: {entry.excluded}"


def _facts(entry: Entry) -> list[str]:
    """Return what a row does to leaves; where it is unfit, nothing is known of it."""
    if entry.unfit:
        return []
    decays = any(name == "weight_decay" for name, _ in entry.pools)
    known = [FACTS[name] for name, applies in asdict(entry.facts).items() if applies]
    return ["keeps a decay"] * decays + known


def _summary(entry: Entry) -> str:
    """Return what a row calls, with the settings that are drawn, and what Optax says it is."""
    settings = ", ".join(
        f"{name}={' | '.join(str(value) for value in values)}" for name, values in entry.pools
    )
    call = " ".join(entry.template.format(settings, inner="…").split())
    said = _documented(entry)
    return f"{said} {call}" if said else call


def _documented(entry: Entry) -> str:
    """Return the first sentence of Optax's documentation; empty where the release has no row."""
    import optax  # here: the help of other commands loads no JAX

    for name in re.findall(r"optax\.([\w.]+)", entry.template):
        if name in _JOINTS:
            continue
        found = optax
        for part in name.split("."):
            found = getattr(found, part, None)
        text = (inspect.getdoc(found) or "").partition("\n\n")[0] if found else ""
        return " ".join(text.split())
    return ""
