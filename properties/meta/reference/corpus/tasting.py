"""Which laws judge a correct program in the tests: a tenth of them, others for the next program.

Every night all laws judge all of them, by 100 examples each of new problems (`soundness.py`).
"""

from collections.abc import Sequence

from frostproof.properties.laws.law import Law

_PARTS = 10
#: Few programs claim, or show, what these are about: all those are judged by them.
_RARE = {
    "frozen-bits",
    "frozen-special-weights",
    "frozen-layer-state",
    "loss-row-order",
    "loss-repeated-rows",
}


def tasted(laws: Sequence[Law], number: int, always: str) -> list[Law]:
    """Return the laws for the program of this number, with the one that is always among them."""
    return [
        law
        for place, law in enumerate(laws)
        if (place + number) % _PARTS == 0 or law.id in {always, *_RARE}
    ]
