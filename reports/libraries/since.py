"""Finds the first release with a fault, by the script that shows it to its maintainers."""

import sys
from collections.abc import Callable, Sequence
from functools import partial

from ...reference.corpus.libraries import Validation
from ...reference.corpus.libraries.environments import Environment
from .environments import EnvironmentNotMade
from .releases import releases
from .scripts import run_script
from .table import version_of


def first_release(found: Sequence[str], shows: Callable[[str], bool | None]) -> tuple[str, str]:
    """Return the first release with a fault, by bisection, and what is known of the one before.

    It takes for granted that a fault that came in has stayed until the last release.

    Args:
        found: the releases, the oldest first; the last one has the fault.
        shows: whether a release has it; None where its script does not run.

    Returns:
        The release, and "" where it is the first of all, or what the one before it does.
    """
    before, since = -1, len(found) - 1
    answers: dict[int, bool | None] = {}
    while since - before > 1:
        middle = (before + since) // 2
        answers[middle] = shows(found[middle])
        before, since = (before, middle) if answers[middle] else (middle, since)
    if before < 0:
        return found[since], ""
    word = "does not have it" if answers[before] is False else "does not run the script"
    return found[since], f"{found[before]} {word}"


def _shows(validation: Validation, version: str) -> bool | None:
    """Tell whether a release has a fault, beside the other packages of its recipe."""
    package = validation.at_fault
    environment = validation.environment or Environment(package, (), shares=True)
    others = [each for each in environment.packages if each.split("==")[0] != package]
    packages = (f"{package}=={version}", *others)
    older = Environment(f"{package}-{version}", packages, environment.shares)
    try:
        said = run_script(validation, older)
    except EnvironmentNotMade as error:
        print(f"{version}: {error}", file=sys.stderr)
        return None
    answer = True if said.shows_fault else False if not said.ended else None
    print(f"{version}: {answer} {said.seen} {said.ended}", file=sys.stderr)
    return answer


def print_since(chosen: Sequence[Validation]) -> int:
    """Print since which release each fault is there."""
    for each in (each for each in chosen if each.upstream):
        found = releases(each.at_fault)
        known = found[: found.index(version_of(each.at_fault, each)) + 1]
        since, before = first_release(known, partial(_shows, each))
        note = before or "the first release of all"
        print(f"{each.at_fault} {since} ({note}): {each.recipe}", flush=True)
    return 0
