"""How a specimen dies: examples until its law refutes it, seed by seed, and what they shrink to."""

import time
from collections.abc import Iterator
from importlib import import_module

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import Flaky

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.examples import examine
from frostproof.properties.engine.judge import judge
from frostproof.properties.engine.liveness import confirmed
from frostproof.properties.engine.tally import Tally
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Law, Refutation
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.reference.corpus.register import specimen_at, specimens
from frostproof.reference.problems.wrapper_problem import leaf_paths
from frostproof.reference.subjects.loading import as_subject
from frostproof.reference.trials.probe import capabilities_of
from frostproof.strategies.values import pool

#: Runs of which the first that refutes counts, for a law that is judged when a run is over.
RUNS = (1, 2, 5, 10, 15, 30)


def specimen_ids() -> list[str]:
    """Return every specimen as `specimen/module/name`, in the order of the files."""
    return [each.specimen.target for each in specimens()]


def kills(id: str, seeds: int, max_examples: int) -> dict[str, object]:
    """Judge a specimen by its law once with each seed, and once more to shrink what is found.

    `seeds` in the answer has the number of the example that was the first to fail, or None where
    none did; `size` what the shrunk problems are made of.
    """
    fn, law = _found(id)
    started, counts, size = time.monotonic(), [], None
    for seed in range(seeds):
        runs = (first_failure(fn, law, seed, most) for most in _runs(law, max_examples))
        counts.append(next((count for count in runs if count), None))
    shrunk = judge(
        law, _anew(fn), Effort(max_examples, 0, seconds=3600.0), CallCache(), id
    ).counterexample
    if shrunk is not None:
        size = size_of(shrunk.problems)
    return {
        "specimen": id,
        "kind": fn.specimen.kind,
        "law": law.id,
        "seeds": counts,
        "size": size,
        "larger": fn.specimen.too_large(size or {}),
        "seconds": round(time.monotonic() - started, 1),
    }


def kills_by_every_law(id: str, max_examples: int) -> dict[str, object]:
    """Judge a specimen by every law that applies to it, with one seed: examples, or None."""
    fn, _ = _found(id)
    subject, started = as_subject(fn, fn.specimen.kind), time.monotonic()
    items, _ = plan_checks(
        [NamedSubject(id, subject.kind, subject, capabilities=capabilities_of(subject))]
    )
    laws = {}
    for item in items:
        if item.unable is None:
            laws[item.law.id] = first_failure(fn, item.law, 0, max_examples)
    seconds = round(time.monotonic() - started, 1)
    return {"specimen": id, "laws": laws, "seconds": seconds}


def _found(id: str) -> tuple[object, Law]:
    fn = specimen_at(id)
    return fn, BY_ID[fn.specimen.law]


def first_failure(fn, law: Law, seed: int, most: int) -> int | None:
    """Return how many examples it takes to refute, of those that `judge` would draw; None for none.

    Without all that a verdict holds besides, which takes longer than to find out.
    """
    subject, memory, tally = _anew(fn), CallCache(), Tally()

    def example(drawn: tuple[object, ...]) -> None:
        examine(law, subject, law.varies(subject, drawn), memory, tally)

    drawn = hypothesis.given(law.draws(subject, pool()))(example)
    plainly = hypothesis.settings(
        max_examples=law.examples(most),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    try:
        plainly(hypothesis.seed(f"{seed}/0")(drawn))()
    except (Refutation, Flaky):  # Flaky: what a specimen remembers is not the same twice
        return tally.judged
    never, *_ = confirmed(law, subject, tally.never)
    return tally.judged if never else None


def _anew(fn) -> object:
    """Return the subject of a specimen at the beginning of its life: what it remembers of other
    runs is part of its fault, not of the next measurement.
    """
    getattr(import_module(fn.specimen.module), "forget", lambda: None)()
    return as_subject(fn, fn.specimen.kind)


def _runs(law: Law, max_examples: int) -> Iterator[int]:
    if law.over_the_run:
        yield from (most for most in RUNS if most < max_examples)
    yield max_examples


def size_of(problems: list[dict[str, object]]) -> dict[str, int]:
    """Return what recorded problems are made of: of each thing, as many as the largest has."""
    sizes = [_size(problem) for problem in problems]
    largest = {name: max(size.get(name, 0) for size in sizes) for name in sizes[0]}
    return {"problems": len({str(problem) for problem in problems}), **largest}


def _size(problem: dict) -> dict[str, int]:
    if "tree" in problem:
        leaves = leaf_paths(problem["tree"])
        return {
            "leaves": len(leaves),
            "frozen": len(problem["frozen"]),
            "steps": problem["steps"],
        }
    size = {name: problem[name] for name in ("rows", "features", "outputs") if name in problem}
    size["outputs"] = size["outputs"] if isinstance(size.get("outputs"), int) else 1
    if "optimizer" in problem:
        del size["outputs"]
        size["steps"] = list(problem.get("actions", ("step",))).count("step")
        if "architecture" in problem:
            size["layers"] = len(problem["architecture"]["layers"])
    return size | {"seed": problem["seed"]}
