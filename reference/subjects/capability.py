"""Capabilities of subjects, the requirements of laws, and the keywords that give a capability."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    """One thing that a subject can do, and that a law may need."""

    EXERCISE = "exercise"
    #: It trains a pytree of parameters, step by step.
    TREE = "tree"
    WRAPPER = "wrapper"
    TRAINER = "trainer"
    #: It trains by the optimizer that it is handed.
    OPTIMIZER = "optimizer"
    #: Its batches are drawn by us, row by row.
    ROWS = "rows"
    PREDICT = "predict"
    LOSS = "loss"
    MSE = "mse"
    WITH_PARAMS = "with_params"
    OPT_STATE = "opt_state"
    MODEL_STATE = "model_state"
    REFREEZE = "refreeze"
    COPIES = "copies"
    INITIAL = "initial"
    SKIPS = "skips"
    #: It freezes whatever leaves of whatever architecture a problem asks for.
    REFERENCE = "reference"

    def __and__(self, other: Capability | Requirement) -> Requirement:
        return Requirement.on(self) & other

    def __or__(self, other: Capability | Requirement) -> Requirement:
        return Requirement.on(self) | other


def _asked_for(lacking: Capability, capabilities: Collection[Capability]) -> Capability:
    """Return what is asked for in the place of a capability: where no loss is declared, laws of any
    loss and those of the mean squared error ask for it in the same words.
    """
    no_loss = lacking is Capability.MSE and Capability.LOSS not in capabilities
    return Capability.LOSS if no_loss else lacking


@dataclass(frozen=True)
class Requirement:
    """The requirement of a law: all capabilities of at least one alternative.

    Written with `&` and `|`: `Capability.WRAPPER | Capability.REFREEZE & Capability.OPTIMIZER`.
    """

    alternatives: tuple[tuple[Capability, ...], ...]

    @classmethod
    def on(cls, needs: Capability | Requirement) -> Requirement:
        """Return the requirement of a single capability; a requirement is returned as it is."""
        return cls(((needs,),)) if isinstance(needs, Capability) else needs

    def __and__(self, other: Capability | Requirement) -> Requirement:
        others = Requirement.on(other).alternatives
        return Requirement(tuple((*a, *b) for a in self.alternatives for b in others))

    def __or__(self, other: Capability | Requirement) -> Requirement:
        return Requirement((*self.alternatives, *Requirement.on(other).alternatives))

    def __str__(self) -> str:
        return " or ".join(" and ".join(each) for each in self.alternatives)

    def missing(self, capabilities: Collection[Capability]) -> str | None:
        """Say what a subject with these capabilities lacks; None where it lacks nothing."""
        gaps = [
            [_asked_for(c, capabilities) for c in each if c not in capabilities]
            for each in self.alternatives
        ]
        if not all(gaps):
            return None
        # No keyword makes a wrapper of a trainer: what can be given is told, where there is such.
        gaps = [gap for gap in gaps if _REMEDIES.keys() >= {*gap}] or gaps
        return "needs " + " or ".join(
            " and ".join(_REMEDIES.get(each, each) for each in gap) for gap in gaps
        )

    def is_possible(self, kind: str, capabilities: Collection[Capability]) -> bool:
        """Tell whether keywords can make a subject of this kind meet the requirement.

        No keyword gives `Capability.REFERENCE`, which only our references have.
        """
        able = POSSIBLE[kind]
        if Capability.REFERENCE not in capabilities:
            able = able - {Capability.REFERENCE}
        return self.missing(able) is None


#: The capabilities that each kind of subject can have.
POSSIBLE: Mapping[str, frozenset[Capability]] = {
    "linen": frozenset({Capability.EXERCISE}),
    "nnx": frozenset({Capability.EXERCISE}),
    "optax": frozenset(
        {Capability.TREE, Capability.WRAPPER, Capability.OPTIMIZER, Capability.OPT_STATE}
    ),
    "trainer": frozenset(Capability) - {Capability.EXERCISE, Capability.WRAPPER},
}

#: How a trainer gets a capability that it lacks.
_REMEDIES: Mapping[Capability, str] = {
    Capability.PREDICT: "`predict=` (a function of the state, or the module, and x)",
    Capability.LOSS: (
        "`loss=` ('mse', or for some laws a NumPy function of prediction and targets)"
    ),
    Capability.MSE: "`loss='mse'`",
    Capability.WITH_PARAMS: (
        "`with_params=` (a function that puts other parameters in place, where they stay)"
    ),
    Capability.OPT_STATE: (
        "`opt_state=` (a function that returns the optimizer's state, "
        "an empty tuple where none is kept)"
    ),
    Capability.MODEL_STATE: "`model_state=` (a function that returns the statistics of layers)",
    Capability.REFREEZE: "`refreeze=` (a function that freezes other leaves from now on)",
    Capability.COPIES: "`copies=` (which leaves have to follow which others)",
    Capability.INITIAL: "`initial=` (the leaves that frozen ones have to begin with)",
    Capability.SKIPS: "`skips=` (a function that tells whether a step has to change nothing)",
    Capability.OPTIMIZER: (
        "a `create` that uses the optimizer it is handed (this one has its own, or none)"
    ),
    Capability.ROWS: "batches that the engine draws itself (no `batches=`)",
}
