"""Draws the parts of a contract from its number, and remembers in words what was drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Drawing:
    """The draws of one contract: the same number draws the same at all times."""

    number: int
    #: What was drawn that is odd, such as "step: loss is text".
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng([20, self.number])

    def chance(self, share: float) -> bool:
        """Tell whether something happens that happens in this share of all contracts."""
        return bool(self.generator.random() < share)

    def one(self, part: str, choices: Mapping[str, Any], odd: float = 1.0) -> Any:
        """Return one of several by its name: the first is the plain one, the others are odd.

        Args:
            part: what it is, for the words.
            choices: values by name.
            odd: the share of contracts that get another than the first.
        """
        names = list(choices)
        if not self.chance(odd):
            return choices[names[0]]
        name = names[int(self.generator.integers(len(names)))]
        if name != names[0]:
            self.words.append(f"{part}: {name}")
        return choices[name]

    def some(self, values: list[Any], count: int) -> list[Any]:
        """Return so many of the values, each once, or all where there are fewer."""
        order = self.generator.permutation(len(values))[:count]
        return [values[index] for index in sorted(order)]
