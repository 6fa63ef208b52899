"""Budgets: whether a law's examples exercised it as often as it claims, or held in a vacuum."""

from collections.abc import Mapping

#: Below this many examples a share says little.
FEWEST = 50
#: A law is vacuous only where chance would give so low a count less than once in a million runs.
QUANTILE = 1e-6


def unmet(budget: Mapping[str, float], labels: Mapping[str, int], examples: int) -> str | None:
    """Name the first label whose share of the examples lies below its budget, or return None."""
    if examples < FEWEST:
        return None
    from scipy.special import bdtr

    for name, share in budget.items():
        count = labels.get(name, 0)
        if bdtr(count, examples, share) < QUANTILE:  # P(at most count), binomial
            return f"only {count} of {examples} examples had: {name} (budget {share:.0%})"
    return None


def absent(budget: Mapping[str, float], labels: Mapping[str, int], examples: int) -> str | None:
    """Name the first label that no example had, however few they are, or return None."""
    missing = next((name for name in budget if not labels.get(name)), None)
    return missing and f"none of {examples} examples had: {missing}"
