"""How a call ended that gave no answer to be judged, in words and as an assertion of a script."""

from __future__ import annotations

from ....reference.subjects.user_errors import error_text, own_line


class Tampered(Exception):
    """What a call did to that with which it is judged; `assertion` says it for a script."""

    def __init__(self, names: list[str]):
        super().__init__(f"replaced {', '.join(names)}, with which it is judged")
        name = names[0].replace("numpy", "np", 1)
        self.assertion = f"getattr({name}, '__module__', 'numpy').startswith('numpy')"


def ending(error: BaseException) -> str:
    """Say how a call ended that gave no answer to be judged."""
    if isinstance(error, Tampered):
        return str(error)
    place = own_line(error)
    return f"raised {error_text(error)}{f' ({place})' if place else ''}"


def assertion_of(error: BaseException) -> str:
    """Return what a script has to assert of calls that ended like this: nothing if they raise."""
    return error.assertion if isinstance(error, Tampered) else "True"
