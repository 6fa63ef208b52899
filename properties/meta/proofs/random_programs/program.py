"""Draws a whole program: inputs, and steps each of which takes what was there before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from . import control_flow, elementwise, placements, whole_arrays
from .draft import DTYPES, SIZE, Choose, Draft, Drawn, Family
from .inputs import draw_input

#: What is listed more than once is drawn more often.
FAMILIES: Sequence[Family] = (
    elementwise.binary,
    elementwise.binary,
    elementwise.binary,
    elementwise.unary,
    elementwise.unary,
    elementwise.comparison,
    elementwise.selection,
    elementwise.selection,
    elementwise.logic,
    elementwise.conversion,
    elementwise.constant,
    whole_arrays.movement,
    whole_arrays.reduction,
    whole_arrays.product,
    elementwise.guard,
)
#: Kept apart, so that numbers which drew programs without these families draw the same ones still.
MORE_FAMILIES: Sequence[Family] = (
    *FAMILIES,
    elementwise.neutral,
    elementwise.neutral,
    elementwise.sum_of_gradients,
    elementwise.count,
    placements.placement,
)


def draw_program(choose: Choose, families: Sequence[Family] = FAMILIES, length: int = 8) -> Drawn:
    """Draw three inputs and up to so many steps of these families."""
    draft = Draft(choose)
    for number in range(3):
        dtype = DTYPES[choose(len(DTYPES))]
        shape = (SIZE,) if choose(4) else ()
        draft.drawn.inputs.append(draw_input(choose, number, shape, dtype))
        draft.kinds.append((shape, dtype))
    draw_step = _steps_of(families)
    for _ in range(1 + choose(length)):
        draw_step(draft)
    return draft.drawn


def _steps_of(families: Sequence[Family]) -> Family:
    """Return what draws a step of one of these families, or control flow around some of them."""

    def draw_step(draft: Draft) -> None:
        nests = draft.depth < 2 and draft.choose(6) == 0
        among = nested if nests else families
        among[draft.choose(len(among))](draft)

    nested = [partial(each, draw_step=draw_step) for each in control_flow.NESTED]
    return draw_step
