"""What laws need of a subject, which kinds can have it, and the keyword that gives it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: What each kind of subject may be able to do.
POSSIBLE: Mapping[str, frozenset[str]] = {
    "linen": frozenset({"exercise"}),
    "nnx": frozenset({"exercise"}),
    "optax": frozenset({"tree", "wrapper", "optimizer", "opt_state"}),
    "trainer": frozenset(
        {
            "tree",
            "trainer",
            "optimizer",
            "rows",
            "predict",
            "loss",
            "mse",
            "with_params",
            "opt_state",
            "model_state",
            "refreeze",
            "reference",
        }
    ),
}

#: How a trainer gets what it lacks.
REMEDIES: Mapping[str, str] = {
    "predict": "`predict=` (a function of the state, or the module, and x)",
    "loss": "`loss=` ('mse', or a NumPy function of prediction and targets)",
    "mse": "`loss='mse'`",
    "with_params": "`with_params=` (a function that puts other parameters in place)",
    "opt_state": "`opt_state=` (a function that returns the optimizer's state)",
    "model_state": "`model_state=` (a function that returns the statistics of layers)",
    "refreeze": "`refreeze=` (a function that freezes other leaves from now on)",
    "optimizer": "a `create` that uses the optimizer which it is handed (this one has its own)",
    "rows": "batches that the engine draws itself (no `batches=`)",
}


def missing(needs: str, abilities: Collection[str]) -> str | None:
    """Say what a subject lacks for a law that needs this, or return None if nothing.

    `needs` are words joined by "and", with alternatives joined by "or".
    """
    gaps = [
        [each for each in alternative.split(" and ") if each not in abilities]
        for alternative in needs.split(" or ")
    ]
    if not all(gaps):
        return None
    return "needs " + " or ".join(
        " and ".join(REMEDIES.get(each, each) for each in gap) for gap in gaps
    )


def possible(needs: str, kind: str, abilities: Collection[str]) -> bool:
    """Tell whether a subject of this kind could ever be judged by a law that needs this."""
    able = POSSIBLE[kind]
    if "reference" not in abilities:
        able = able - {"reference"}
    return missing(needs, able) is None
