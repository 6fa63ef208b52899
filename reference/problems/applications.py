"""How a wrapper's freeze is applied: by which masks, one after the other, as the leaves in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

#: Paths of leaves with "/".
Paths = Sequence[str]

#: The frozen leaves of each mask, given those of the problem and all that there are.
APPLICATIONS: Mapping[str, Callable[[Paths, Paths], tuple[Paths, ...]]] = {
    "once": lambda frozen, every: (frozen,),
    "no freeze": lambda frozen, every: (),
    "nothing": lambda frozen, every: ((),),
    "everything": lambda frozen, every: (every,),
    "twice": lambda frozen, every: (frozen, frozen),
    "in two parts": lambda frozen, every: (frozen[::2], frozen[1::2]),
    "in two parts, the other way round": lambda frozen, every: (frozen[1::2], frozen[::2]),
}
