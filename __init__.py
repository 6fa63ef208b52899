"""frostproof: frozen stays frozen, proven. The public names, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reference.contract import Exercise as Exercise
    from .reference.frozen_assertion import assert_frozen as assert_frozen
    from .reference.linen_trainer import LinenTrainer as LinenTrainer
    from .reference.nnx_trainer import NnxTrainer as NnxTrainer
    from .reference.optax_freeze import OptaxFreeze as OptaxFreeze
    from .reference.snapshot import snapshot as snapshot
    from .reports.pytest_laws import laws as laws
    from .reports.report import Report as Report
    from .reports.verification import verify as verify

# Lazy, so that `frostproof --help` and the pytest plugin import no JAX.
_HOMES = {
    "Exercise": ".reference.contract",
    "LinenTrainer": ".reference.linen_trainer",
    "NnxTrainer": ".reference.nnx_trainer",
    "OptaxFreeze": ".reference.optax_freeze",
    "Report": ".reports.report",
    "assert_frozen": ".reference.frozen_assertion",
    "laws": ".reports.pytest_laws",
    "snapshot": ".reference.snapshot",
    "verify": ".reports.verification",
}

__all__ = [
    "Exercise",
    "LinenTrainer",
    "NnxTrainer",
    "OptaxFreeze",
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
