"""What is done to a training: every action with its effect, and the same as a line of a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..pytrees.paths import Path

Leaves = frozenset[Path]


class Lived(Protocol):
    """A training under way, as far as actions need to know it."""

    #: The leaves that its subject freezes, and all leaves that can be trained at all.
    chosen: Leaves
    floats: Leaves

    def step(self) -> None:
        """Train on the next batch."""

    def freeze(self, leaves: Leaves) -> None:
        """Freeze these leaves from now on, and no others."""

    def save(self) -> None:
        """Keep the whole state in memory."""

    def restore(self) -> None:
        """Go back to what was saved, if anything was."""

    def go_on_from_a_checkpoint(self) -> None:
        """Save the state to disk, and restore it into a training begun anew."""

    def change_optimizer(self) -> None:
        """Put the parameters into a training begun anew under the problem's next optimizer."""


@dataclass(frozen=True)
class Action:
    """One thing that is done to a training, under the name by which problems ask for it."""

    name: str
    effect: Callable[[Lived], None]
    #: In a script: `frozen` and `others` are names of leaves, `{step}`, `{seed}` and `{following}`
    #: stand for a number and the source of the next optimizer.
    source: str
    #: It says which leaves are frozen from then on.
    freezes: bool = False


def _freeze(name: str, source: str, leaves: Callable[[Lived], Leaves]) -> Action:
    return Action(
        name, lambda lived: lived.freeze(leaves(lived)), f"training.refreeze({source})", True
    )


CHECKPOINT = "checkpoint"
CHANGE = "change optimizer"
ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("step", lambda lived: lived.step(), "take_step(training, batch_{step})"),
        _freeze("freeze", "frozen", lambda lived: lived.chosen),
        _freeze("unfreeze", "()", lambda lived: frozenset()),
        _freeze("freeze the others", "others", lambda lived: lived.floats - lived.chosen),
        _freeze("freeze everything", "tuple(sorted(frozen + others))", lambda lived: lived.floats),
        Action("save", lambda lived: lived.save(), "saved = training.save()"),
        Action(
            "restore",
            lambda lived: lived.restore(),
            "training.restore(saved) if saved is not None else None",
        ),
        Action(
            CHECKPOINT,
            lambda lived: lived.go_on_from_a_checkpoint(),
            "training = through_checkpoint(training, subject.begin({seed}, batch_1, optimizer))\n"
            "restored = leaves(training.everything())",
        ),
        Action(
            CHANGE,
            lambda lived: lived.change_optimizer(),
            "optimizer, params = {following}, training.params()\n"
            "training = subject.begin({seed}, batch_1, optimizer)\n"
            "training.set_params(params)",
        ),
    )
}
#: Those that say which leaves are frozen from then on.
FREEZES = tuple(name for name, action in ACTIONS.items() if action.freezes)
