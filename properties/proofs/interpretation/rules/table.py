"""The table of rules: for each primitive its bounds, what it keeps, and why.

What is not in the table is unknown: its outputs may be anything, and depend on all of its operands.
Control flow has no rule; the interpreter looks inside. `select_n` may know more about its cases
than is said here: see `refinement`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from . import arithmetic, functions, logic, movement, reductions
from .rule import Rule, nothing

_MOVED = "nothing is computed: elements are moved, whatever bits they have"
_CHOSEN = "each element is one of those that there were"
_ORDER = "a comparison with NaN is false, and −0 = +0"
_WHOLE = "exact, and a zero keeps the sign of what becomes it"
_REAL = "within some units in the last place of the real function, which is monotone"

RULES: Mapping[str, Rule] = {
    # Sums and products
    "add": Rule(
        arithmetic.add,
        arithmetic.kept_by_add,
        "x + (−0) keeps the bits of x; x + (+0) makes +0 of −0, or is left out; ∞ − ∞ is NaN",
    ),
    "add_any": Rule(
        arithmetic.add, arithmetic.kept_by_add, "it is `add`, of two parts of a gradient"
    ),
    "sub": Rule(
        arithmetic.subtract,
        arithmetic.kept_by_subtract,
        "x − (+0) keeps the bits of x; x − (−0) makes +0 of −0; x − x is +0 unless x is not finite",
    ),
    "neg": Rule(arithmetic.negate, nothing, "the sign bit is flipped, of zeros, too"),
    "mul": Rule(
        arithmetic.multiply,
        arithmetic.kept_by_multiply,
        "x · 1 is x; 0 · x is a zero of either sign, but NaN where x may be infinite or NaN; a "
        "mask of booleans makes +0 of anything, too",
    ),
    "div": Rule(
        arithmetic.divide,
        arithmetic.kept_by_divide,
        "x / 1 is x; 0 / y is zero where y is not, even at ∞; 0/0 and ∞/∞ are NaN",
    ),
    "square": Rule(arithmetic.square, nothing, "x · x is never negative nor −0"),
    "integer_pow": Rule(
        arithmetic.whole_power,
        arithmetic.kept_by_whole_power,
        "a product of equal factors, off by half a unit for each; an even power is never negative",
    ),
    # Size and order
    "abs": Rule(arithmetic.absolute, nothing, "the sign bit is cleared"),
    "sign": Rule(arithmetic.sign, nothing, "±1, NaN as it is, and a zero; of −0 it may be +0"),
    "max": Rule(
        arithmetic.maximum,
        arithmetic.kept_by_extreme,
        "NaN wins; which of two zeros is taken is not said",
    ),
    "min": Rule(arithmetic.minimum, arithmetic.kept_by_extreme, "as `max`"),
    "clamp": Rule(arithmetic.clamp, nothing, "min(max(x, low), high), and NaN wins"),
    "eq": Rule(logic.equal, nothing, _ORDER),
    "ne": Rule(logic.unequal, nothing, "the opposite of `eq`: true of NaN"),
    "lt": Rule(logic.less, nothing, _ORDER),
    "le": Rule(logic.less_or_equal, nothing, _ORDER),
    "gt": Rule(logic.greater, nothing, _ORDER),
    "ge": Rule(logic.greater_or_equal, nothing, _ORDER),
    "is_finite": Rule(logic.finite, nothing, "false of infinities and NaN"),
    "and": Rule(logic.conjunction, nothing, "true if both are; of integers each bit"),
    "or": Rule(logic.disjunction, nothing, "true if one is; of integers each bit"),
    "not": Rule(logic.negation, nothing, "true if it is false; of integers each bit"),
    # Functions
    "sqrt": Rule(functions.square_root, nothing, "√±0 is ±0; below zero it is NaN"),
    "rsqrt": Rule(functions.inverse_root, nothing, "1/√0 is ∞, below zero it is NaN"),
    "pow": Rule(functions.power, nothing, _REAL + " in either argument, for a base from +0 up"),
    "exp": Rule(functions.increasing(np.exp), nothing, _REAL),
    "exp2": Rule(functions.increasing(np.exp2), nothing, _REAL),
    "expm1": Rule(functions.increasing(np.expm1, odd=True), nothing, _REAL),
    "log": Rule(functions.increasing(np.log, 0.0), nothing, _REAL + "; below zero it is NaN"),
    "log1p": Rule(
        functions.increasing(np.log1p, -1.0, odd=True), nothing, _REAL + "; below −1 it is NaN"
    ),
    "tanh": Rule(functions.increasing(np.tanh, odd=True), nothing, _REAL),
    "logistic": Rule(functions.logistic, nothing, _REAL),
    "erf": Rule(functions.erf, nothing, _REAL),
    "sin": Rule(functions.between(-1.0, 1.0), nothing, "from −1 to 1, and NaN at infinity"),
    "cos": Rule(functions.between(-1.0, 1.0), nothing, "from −1 to 1, and NaN at infinity"),
    "floor": Rule(functions.whole(np.floor), nothing, _WHOLE),
    "ceil": Rule(functions.whole(np.ceil), nothing, _WHOLE),
    # Reductions
    "reduce_sum": Rule(reductions.total, nothing, "in any order; ∞ − ∞ is NaN"),
    "cumsum": Rule(reductions.running_total, nothing, "in any order; ∞ − ∞ is NaN"),
    "reduce_max": Rule(reductions.extreme, nothing, _CHOSEN),
    "reduce_min": Rule(reductions.extreme, nothing, _CHOSEN),
    "reduce_and": Rule(reductions.all_or_any, nothing, "true if all are; of integers each bit"),
    "reduce_or": Rule(reductions.all_or_any, nothing, "true if one is; of integers each bit"),
    "cummax": Rule(reductions.extreme, nothing, _CHOSEN),
    "cummin": Rule(reductions.extreme, nothing, _CHOSEN),
    "dot_general": Rule(
        reductions.products_summed,
        nothing,
        "a sum of products, in any order and precision: zero where one side is, if all is finite",
    ),
    "conv_general_dilated": Rule(
        reductions.convolved, nothing, "as `dot_general`, with its own zeros: 0 · inf is NaN"
    ),
    "psum": Rule(
        reductions.over_devices, nothing, "a sum of one term from each device, of however many"
    ),
    "psum_invariant": Rule(reductions.over_devices, nothing, "as `psum`"),
    "argmax": Rule(movement.index_along, nothing, "a place along the axis, also of NaN"),
    "argmin": Rule(movement.index_along, nothing, "a place along the axis, also of NaN"),
    # Movement
    "convert_element_type": Rule(
        movement.convert,
        movement.kept_by_convert,
        "exact where the new dtype has every number of the input's; the payload of a NaN may go",
    ),
    "broadcast_in_dim": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "reshape": Rule(movement.first, movement.kept_by_reshape, _MOVED, moves=True),
    "squeeze": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "transpose": Rule(movement.first, movement.kept_by_transpose, _MOVED, moves=True),
    "rev": Rule(movement.first, nothing, _MOVED, moves=True),
    "slice": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "dynamic_slice": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "split": Rule(movement.first, nothing, _MOVED, moves=True),
    "copy": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "reshard": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "sharding_constraint": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "layout_constraint": Rule(movement.first, movement.kept_in_place, _MOVED, moves=True),
    "pvary": Rule(movement.own, movement.kept_by_own, _MOVED, moves=True),
    "device_put": Rule(movement.own, movement.kept_by_own, _MOVED, moves=True),
    "optimization_barrier": Rule(movement.own, movement.kept_by_own, _MOVED, moves=True),
    "sort": Rule(movement.own, nothing, _MOVED, moves=True),
    "concatenate": Rule(movement.joined, nothing, _CHOSEN, moves=True),
    "pad": Rule(movement.first_and(1), nothing, _CHOSEN, moves=True),
    "dynamic_update_slice": Rule(movement.first_and(1), nothing, _CHOSEN, moves=True),
    "scatter": Rule(movement.first_and(2), nothing, _CHOSEN, moves=True),
    "scatter-add": Rule(
        reductions.added_in_places, nothing, "x + 0 is x in value, and of −0 it may be either"
    ),
    "gather": Rule(movement.gathered, nothing, _CHOSEN + ", or what out of bounds is filled with"),
    "iota": Rule(movement.counted, nothing, "0, 1, … each rounded, in bfloat16 from 257 on"),
}
