"""Tells how a call ended that gave no answer, in words and as an assertion of a script."""

from __future__ import annotations

from ....reference.subjects.signatures import UnusableSubject
from ....reference.subjects.user_errors import error_text, own_line


class Tampered(Exception):
    """A call replaced functions that judge it; `assertion` says so in a script."""

    def __init__(self, names: list[str]):
        super().__init__(f"replaced {', '.join(names)}, with which it is judged")
        name = names[0].replace("numpy", "np", 1)
        self.assertion = f"getattr({name}, '__module__', 'numpy').startswith('numpy')"


def ending(error: BaseException) -> str:
    """Say how a call ended that gave no answer."""
    if isinstance(error, Tampered):
        return str(error)
    if isinstance(error, UnusableSubject):
        return f"cannot be judged: {error}"
    place = own_line(error)
    return f"raised {error_text(error)}{f' ({place})' if place else ''}"


def assertion_of(error: BaseException) -> str:
    """Return the assertion of a script about such a call; a call that raises needs none."""
    return error.assertion if isinstance(error, Tampered) else "True"
