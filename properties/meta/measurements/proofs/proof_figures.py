"""What the prover must show, beside what was measured, and the lists of what is not proved."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frostproof.properties.meta.measurements.proofs.unproved import MOVING, PROGRAMS
from frostproof.properties.proofs.claims import CREATED, PURE
from frostproof.properties.proofs.provable import PROVABLE
from frostproof.reference.corpus.register import specimens
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.subjects.targets import TRAINERS, WRAPPERS

Rows = Mapping[tuple[str, ...], Mapping[str, Any]]

#: Faulty programs that break what their proofs print that they assume.
BREAKS_AN_ASSUMPTION = {
    "labels_made_for_the_seed": CREATED,
    "warm_up_over_the_process": PURE,
}
_APIS = ("linen", "nnx")
_LEAST_ZEROED, _LEAST_PROVED, _MOST_SECONDS = 22, 0.7, 1.0


@dataclass(frozen=True)
class Line:
    """Something that must hold, with what was measured of it."""

    wanted: str
    measured: str
    holds: bool
    #: What is to be said of the rest, one item each.
    rest: Sequence[str] = ()


def gradient_zeroing(rows: Rows) -> Line:
    """Under which optimizers a zeroed gradient is proved to move nothing."""
    found = {api: _under(rows, f"{api}/gradient-zeroing") for api in _APIS}
    proved = {
        api: [name for name, row in each.items() if row["proved"]] for api, each in found.items()
    }
    untrue = [
        name
        for names in proved.values()
        for name in names
        if CATALOGUE[name].facts.moves_on_zero_gradient
    ]
    alone = {
        api: [name for name in names if not CATALOGUE[name].wraps] for api, names in proved.items()
    }
    counts = ", ".join(
        f"{api} {len(alone[api])} of {sum(not CATALOGUE[name].wraps for name in found[api])}, "
        f"and around adam {len(proved[api]) - len(alone[api])} of "
        f"{sum(CATALOGUE[name].wraps for name in found[api])} wrappers"
        for api in _APIS
    )
    return Line(
        f"gradient zeroing keeps values, proved under at least {_LEAST_ZEROED} optimizers",
        counts,
        min(map(len, alone.values())) >= _LEAST_ZEROED and not untrue,
        [
            f"{api}, {name}: {_reason(row)}"
            for api, each in found.items()
            for name, row in each.items()
            if not row["proved"]
        ],
    )


def assumptions(rows: Rows) -> Line:
    """On what those proofs rest."""
    rest = Counter(
        "; ".join(row["proved"])
        for api in _APIS
        for row in _under(rows, f"{api}/gradient-zeroing").values()
        if row["proved"]
    )
    return Line(
        "each of these proofs has its assumptions",
        f"{len(rest)} sets of them",
        bool(rest) and "" not in rest,
        [f"{count} proofs: {text}" for text, count in rest.most_common()],
    )


def _every_optimizer(technique: str, law: str) -> Callable[[Rows], Line]:
    def line(rows: Rows) -> Line:
        found = {api: _under(rows, f"{api}/{technique}") for api in _APIS}
        traced = {
            api: [name for name, row in each.items() if not row["not traced"]]
            for api, each in found.items()
        }
        left = [
            f"{api}, {name}: {_reason(row)}"
            for api, each in found.items()
            for name, row in each.items()
            if not row["proved"]
        ]
        lost = sum(not found[api][name]["proved"] for api in _APIS for name in traced[api])
        counts = ", ".join(
            f"{api} {sum(bool(row['proved']) for row in found[api].values())} of "
            f"{len(found[api])} ({len(traced[api])} traced)"
            for api in _APIS
        )
        return Line(
            f"{technique} keeps {law.removeprefix('frozen-')}, proved under every optimizer that "
            "is traced",
            counts,
            lost == 0 and all(traced.values()),
            left,
        )

    return line


def moving_optimizers(rows: Rows) -> Line:
    """The optimizers that move a leaf without a gradient, each with the equation that does."""
    named, rest = 0, []
    for api in _APIS:
        found = _under(rows, f"{api}/gradient-zeroing")
        for name, file in MOVING.items():
            row = found[name]
            good = not row["proved"] and row["equation"] and file in row["told"]
            named += good
            if not good:
                rest.append(f"{api}, {name}: {_reason(row)}")
    return Line(
        "not proved, each with its equation in Optax: " + ", ".join(MOVING),
        f"{named} of {len(MOVING) * len(_APIS)}",
        not rest,
        rest,
    )


def unproved_programs(rows: Rows) -> Line:
    """Faulty programs, each with the equation that lost what it should keep."""
    good = {
        name: not (row := rows["unproved", name])["proved"]
        and row["equation"]
        and program.told in row["told"]
        for name, program in PROGRAMS.items()
    }
    return Line(
        "not proved, each with its equation: " + ", ".join(PROGRAMS),
        f"{sum(map(bool, good.values()))} of {len(good)}",
        all(good.values()),
        [f"{name}: {_reason(rows['unproved', name])}" for name in PROGRAMS],
    )


def faulty_programs(rows: Rows) -> Line:
    """Specimens: what they break is not proved of them."""
    about = [each.specimen for each in specimens() if each.specimen.law in PROVABLE]
    found = {each.target: rows["promise", each.target] for each in about}
    untrue = [
        each.target
        for each in about
        if each.law in found[each.target]["proved"]
        and each.subject_name not in BREAKS_AN_ASSUMPTION
    ]
    equations = sum(each.law in found[each.target]["equation"] for each in about)
    untraced = sum(bool(found[each.target]["not traced"]) for each in about)
    return Line(
        "no specimen is proved to keep the law that refutes it",
        f"{len(about)} specimens of laws that can be proved: {len(untrue)} proved, {equations} "
        f"with the equation in the way, {untraced} not traced",
        not untrue,
        [
            f"{each.target}, {each.law}: "
            + (
                f"proved {found[each.target]['proved'][each.law]}"
                if each.law in found[each.target]["proved"]
                else found[each.target]["not traced"] or str(found[each.target]["told"][each.law])
            )
            for each in about
        ],
    )


def correct_programs(rows: Rows) -> Line:
    """How many of the laws that accepted programs promise are proved of them."""
    found = {name: row for name, row in _promises(rows) if name.startswith("accepted/")}
    promised = [(name, law) for name, row in found.items() for law in row["promised"]]
    left = [(name, law) for name, law in promised if law not in found[name]["proved"]]
    share = 1 - len(left) / len(promised)
    return Line(
        f"at least {_LEAST_PROVED:.0%} of the frozen laws that accepted programs promise are "
        "proved",
        f"{len(promised) - len(left)} of {len(promised)} on {len(found)} programs, {share:.1%}",
        share >= _LEAST_PROVED,
        [
            f"{name}, {law}: {found[name]['not traced'] or found[name]['told'].get(law)}"
            for name, law in left
        ],
    )


def contradictions(rows: Rows) -> Line:
    """Whether anything that is proved was refuted by examples."""
    programs, verdicts, examples, rest, untrue = 0, 0, 0, [], 0
    for task, row in rows.items():
        if task[0] != "sampled":
            continue
        programs += 1
        for law, (outcome, judged, reason) in row["verdicts"].items():
            if law not in rows["promise", task[1]]["proved"]:
                continue  # it was, when it was sampled
            verdicts, examples = verdicts + 1, examples + judged
            if outcome in ("refuted", "error"):
                name = task[1].rpartition("/")[2].replace("-", "_")
                assumed = BREAKS_AN_ASSUMPTION.get(name)
                untrue += assumed is None
                rest.append(
                    f"{task[1]}, {law}: {outcome}: {reason}"
                    + (f" (it breaks that {assumed})" if assumed else "")
                )
    return Line(
        "nothing is both proved and refuted under the printed assumptions",
        f"{verdicts} proved laws of {programs} programs were sampled by {examples:,} examples, "
        f"{untrue} contradicted",
        programs > 0 and not untrue,
        rest,
    )


def speed(rows: Rows) -> Line:
    """How long proofs take after tracing."""
    each = {name: rows["promise", name] for name in (*TRAINERS, *WRAPPERS)}
    whole = {name: sum(row["settling"]) for name, row in each.items()}
    single = [seconds for row in each.values() for seconds in row["settling"]]
    median = statistics.median(whole.values())
    return Line(
        f"proving a reference takes at most {_MOST_SECONDS:g} CPU second after tracing (median)",
        f"median {median:.2f} s for all programs of a reference together, {min(whole.values()):.2f}"
        f" to {max(whole.values()):.2f}; median {statistics.median(single):.3f} s a program",
        median <= _MOST_SECONDS,
        [
            f"{name}: {len(row['settling'])} programs, {whole[name]:.2f} s after tracing, "
            f"{row['seconds']:.2f} s with it"
            for name, row in each.items()
        ],
    )


LINES: Sequence[Callable[[Rows], Line]] = (
    gradient_zeroing,
    assumptions,
    _every_optimizer("trainable-subset", "frozen-bits"),
    _every_optimizer("multi-transform", "frozen-value"),
    moving_optimizers,
    unproved_programs,
    faulty_programs,
    correct_programs,
    contradictions,
    speed,
)


def _under(rows: Rows, program: str) -> dict[str, Any]:
    return {task[2]: row for task, row in rows.items() if task[:2] == ("catalogue", program)}


def _promises(rows: Rows) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((task[1], row) for task, row in rows.items() if task[0] == "promise")


def _reason(row: Mapping[str, Any]) -> str:
    if row["proved"]:
        return f"proved if {'; '.join(row['proved'])}"
    return str(row["told"]) if row["told"] else f"not traced: {row['not traced']}"


def markdown(rows: Rows) -> str:
    """Return all lines as a table, and below it the lists."""
    found = [line(rows) for line in LINES]
    text = ["# Proofs", "", "| what must hold | measured | |", "|---|---|---|"]
    text += [
        f"| {each.wanted} | {each.measured} | {'holds' if each.holds else '**fails**'} |"
        for each in found
    ]
    for each in found:
        if each.rest:
            text += ["", f"## {each.wanted[0].upper()}{each.wanted[1:]}", ""]
            text += [f"- {' '.join(item.split())}" for item in each.rest]
    return "\n".join(text) + "\n"
