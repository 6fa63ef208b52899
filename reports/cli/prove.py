"""The command `frostproof prove`: what is proved of targets, and what is in the way of the rest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from ...reference.subjects.targets import KINDS, UnusableTarget, resolved

if TYPE_CHECKING:  # the prover, and JAX with it, is loaded when it is asked
    from ...properties.proofs.proving import Standing


def add_prove(commands: Any) -> None:
    """Add the subcommand to those of `frostproof`."""
    prove = commands.add_parser(
        "prove",
        help="say which laws of freezing hold for every input",
        description="Trace the steps of a trainer or wrapper and say which laws hold for every "
        "input, under which assumptions. Exit status: 0 every promised law that can be proved is; "
        "1 one is not; 2 the code cannot be traced.",
    )
    prove.set_defaults(run=_run)
    prove.add_argument("targets", nargs="+", metavar="TARGET", help="as for verify")
    prove.add_argument("--as", dest="kind", choices=KINDS, help="the kind of all targets")
    prove.add_argument(
        "--explain", action="store_true", help="name the equation by which a law is lost"
    )


def _run(options: argparse.Namespace) -> int:
    """Prove the laws of each target, and name those that cannot be loaded at the end."""
    from ...reference.subjects.loading import load

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    statuses, unusable = [], []
    for target in options.targets:
        try:
            subject = load(resolved(target), options.kind)
        except UnusableTarget as reason:
            unusable.append(reason)
        else:
            statuses.append(_print_proofs(console, target, subject, explain=options.explain))
    for each in unusable:
        print(f"frostproof: {each}", file=sys.stderr)
    return 2 if unusable else max(statuses)


def _print_proofs(console: Console, target: str, subject: Any, *, explain: bool) -> int:
    from ...properties.laws.book import BY_ID
    from ...properties.plan.checks import closed
    from ...properties.proofs.judging import standing_of

    standing = standing_of(subject)
    console.print(f"[bold]{escape(target)}[/]")
    if standing.not_traced:
        console.print(f"  [yellow]not traced[/]  {escape(standing.not_traced)}")
        return 2
    for proof in standing.proved.values():
        console.print(f"  [bold green]proved[/]      {proof.law}")
    for assumption in _assumptions(standing):
        console.print(f"              [dim]if {escape(assumption)}[/]")
    promised, missing = closed(subject.promise), False
    for explanation, laws in _by_explanation(standing).items():
        for law, optimizer in laws:
            is_promised = BY_ID[law].guarantee in promised and not BY_ID[law].beyond
            missing |= is_promised
            beyond = "" if is_promised else "  [dim]beyond the promise[/]"
            console.print(
                f"  [yellow]not proved[/]  {law:28} [dim]under {escape(optimizer)}[/]{beyond}"
            )
        if explain:
            console.print(f"              {escape(explanation)}")
    many = standing.programs != 1
    console.print(f"[dim]{standing.programs} program{'s were' if many else ' was'} traced[/]")
    return int(missing)


def _by_explanation(standing: Standing) -> dict[str, list[tuple[str, str]]]:
    """Return the laws that are not proved, each with an optimizer, by what is in the way."""
    found: dict[str, list[tuple[str, str]]] = {}
    for law, (optimizer, explanation) in standing.unproved.items():
        found.setdefault(str(explanation), []).append((law, optimizer))
    return found


def _assumptions(standing: Standing) -> Sequence[str]:
    assumed = [each for proof in standing.proved.values() for each in proof.assumptions]
    return list(dict.fromkeys(assumed))
