"""NumPy, which a subject shares with what judges it: put right again if a call has patched it."""

from __future__ import annotations

import numpy as np

from ...reference.subjects.user_errors import error_text

_MODULES = (np, np.linalg)


class Tampered(Exception):
    """What a call did to that with which it is judged; `assertion` says it for a script."""

    def __init__(self, names: list[str]):
        super().__init__(f"replaced {', '.join(names)}, with which it is judged")
        name = names[0].replace("numpy", "np", 1)
        self.assertion = f"getattr({name}, '__module__', 'numpy').startswith('numpy')"


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


def ending(error: BaseException) -> str:
    """Say how a call ended that gave no answer to be judged."""
    return str(error) if isinstance(error, Tampered) else f"raised {error_text(error)}"


def assertion_of(error: BaseException) -> str:
    """Return what a script has to assert of calls that ended like this: nothing if they raise."""
    return error.assertion if isinstance(error, Tampered) else "True"
