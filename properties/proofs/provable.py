"""Which laws can be proved, or explained, and how much of them is sampled all the same.

It imports nothing: whoever judges another law needs no prover.
"""

from __future__ import annotations

#: Examples of a proved law: they check what the proof assumes, and the compiler.
CHECKED = 10
#: Laws about optimizers that are not promised: they are proved of any at once, or not.
OF_ANY_OPTIMIZER = ("frozen-under-coupled-overflow", "frozen-under-other-optimizers")
#: The laws that can be proved.
PROVABLE = (
    "frozen-norm",
    "frozen-value",
    "frozen-bits",
    "frozen-under-overflow",
    "frozen-any-learning-rate",
    "frozen-optimizer-state",
    "frozen-gradients-do-not-leak",
    *OF_ANY_OPTIMIZER,
)
#: Laws with another one whose explanation says why they are refuted, too.
EXPLAINED_BY = {
    "frozen-special-weights": "frozen-bits",
    "frozen-under-coupled-overflow": "frozen-under-overflow",
    "frozen-under-other-optimizers": "frozen-value",
    "trains-as-if-alone": "frozen-gradients-do-not-leak",
}
#: Laws whose refutations can be explained.
EXPLAINED = frozenset(PROVABLE) | EXPLAINED_BY.keys()
