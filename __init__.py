"""frostproof: frozen stays frozen, proven. The public names, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reference.guard.guard import Guard as Guard
    from .reference.optimizers.declared import Optimizers as Optimizers
    from .reference.pytrees.assert_frozen import assert_frozen as assert_frozen
    from .reference.pytrees.snapshot import snapshot as snapshot
    from .reference.subjects.exercise import Exercise as Exercise
    from .reference.subjects.linen_trainer import LinenTrainer as LinenTrainer
    from .reference.subjects.nnx_trainer import NnxTrainer as NnxTrainer
    from .reference.subjects.optax_wrapper import OptaxFreeze as OptaxFreeze
    from .reports.pytest_plugin.laws import laws as laws
    from .reports.results.report import Report as Report
    from .reports.run.verify import verify as verify

# Lazy, so that `frostproof --help` and the pytest plugin import no JAX.
_HOMES = {
    "Exercise": ".reference.subjects.exercise",
    "Guard": ".reference.guard.guard",
    "LinenTrainer": ".reference.subjects.linen_trainer",
    "NnxTrainer": ".reference.subjects.nnx_trainer",
    "OptaxFreeze": ".reference.subjects.optax_wrapper",
    "Optimizers": ".reference.optimizers.declared",
    "Report": ".reports.results.report",
    "assert_frozen": ".reference.pytrees.assert_frozen",
    "laws": ".reports.pytest_plugin.laws",
    "snapshot": ".reference.pytrees.snapshot",
    "verify": ".reports.run.verify",
}

__all__ = [
    "Exercise",
    "Guard",
    "LinenTrainer",
    "NnxTrainer",
    "OptaxFreeze",
    "Optimizers",
    "Report",
    "assert_frozen",
    "laws",
    "snapshot",
    "verify",
]
__version__ = version("frostproof")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
