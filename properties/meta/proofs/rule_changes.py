"""Ways to break a rule: each claims more than the rule does."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from frostproof.properties.proofs.interpretation.domain import Level, Range
from frostproof.properties.proofs.interpretation.rules.rule import Call, Rule, kept, together

Change = Callable[[Rule], Rule]


def _narrowed(change: Callable[[Range], Range]) -> Change:
    def mutate(rule: Rule) -> Rule:
        def bounds(call: Call) -> Range | None:
            found = rule.bounds(call)
            return found if found is None else change(found)

        return replace(rule, bounds=bounds)

    return mutate


def _equal_to(place: int) -> Change:
    def mutate(rule: Rule) -> Rule:
        def keeps(call: Call):
            if place >= len(call.operands) or call.operands[place].dtype != call.dtype:
                return rule.keeps(call)
            return together(rule.keeps(call), kept(call, call.operands[place], Level.BITS))

        return replace(rule, keeps=keeps)

    return mutate


def _raised(rule: Rule) -> Rule:
    def keeps(call: Call):
        return dict.fromkeys(rule.keeps(call), Level.BITS)

    return replace(rule, keeps=keeps)


CHANGES: Mapping[str, Change] = {
    "no NaN": _narrowed(lambda a: replace(a, nan=False)),
    "no −0": _narrowed(lambda a: replace(a, minus_zero=False)),
    "no +0": _narrowed(lambda a: replace(a, plus_zero=False)),
    "the lowest alone": _narrowed(lambda a: replace(a, high=a.low)),
    "the highest alone": _narrowed(lambda a: replace(a, low=a.high)),
    "the bits of the first operand": _equal_to(0),
    "the bits of the second operand": _equal_to(1),
    "bits where it keeps less": _raised,
}

#: Changes that no program can show, and why: the rule allows for what the machine at hand spares.
SURVIVORS: Mapping[str, str] = {
    "reduce_sum: no −0": "here a sum begins with +0; elsewhere it may begin with its first term",
    "cumsum: no −0": "as `reduce_sum`",
    "dot_general: no −0": "as `reduce_sum`",
    "rsqrt: no −0": "1/√−0 is −∞: what lies between it and other results has a zero",
    "exp2: no −0": "no power is negative: in bfloat16 a bound is moved outwards beyond zero",
    "log: no −0": "no number has a logarithm of −0, but what lies around zero has both zeros",
    "cos: no −0": "no number has a cosine of exactly zero",
    "cos: no +0": "no number has a cosine of exactly zero",
}
