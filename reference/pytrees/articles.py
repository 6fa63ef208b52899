"""Names the type of a value in a sentence, with the article that goes with it: "an int"."""

from __future__ import annotations

import re
from typing import Any

#: Names that are spoken with a vowel at first: "an int", "an Updater", and "a uint8".
_VOWEL = re.compile("[aeio]|u(?!int|ni|func|se)", re.IGNORECASE)


def a_type_of(value: Any) -> str:
    """Return the name of a value's type with its article; None is itself."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if _VOWEL.match(name) else 'a'} {name}"
