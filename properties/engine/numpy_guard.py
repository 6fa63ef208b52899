"""NumPy, which a subject shares with what judges it: put right again if a call has patched it."""

from __future__ import annotations

import numpy as np

from ..laws.requirements.endings import Tampered

_MODULES = (np, np.linalg)


class SharedNumPy:
    """The functions of NumPy as they were when this was made."""

    def __init__(self) -> None:
        self._functions = [
            (module, name, value)
            for module in _MODULES
            for name, value in vars(module).items()
            if callable(value)
        ]

    def restore(self) -> Tampered | None:
        """Undo what was replaced or removed since, and say what it was."""
        replaced = []
        for module, name, value in self._functions:
            if vars(module).get(name) is not value:
                setattr(module, name, value)
                replaced.append(f"{module.__name__}.{name}")
        return Tampered(replaced) if replaced else None
