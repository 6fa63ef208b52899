"""What the prover shows and what it does not, over the catalogue, the references and the corpora.

    cd properties/meta/measurements && python proofs/proofs.py --resume FILE

Every row is written as it is measured, and a run that was cut off goes on where it stopped. At the
end the folder `--output` holds `proofs.md`: what must hold, with what was measured, and all that is
not proved, with the equation in the way. Ends with status 1 if something does not hold.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements.proofs.proof_figures import LINES, markdown
from frostproof.properties.meta.measurements.proofs.unproved import PROGRAMS
from frostproof.properties.meta.measurements.resumed import going_on, rows_of
from frostproof.properties.plan.checks import closed
from frostproof.properties.proofs import proving
from frostproof.properties.proofs.claims import Proofs
from frostproof.reference.corpus.register import (
    TRAININGS,
    accepted_programs,
    specimen_at,
    specimens,
)
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.subjects.loading import as_subject, load
from frostproof.reference.subjects.targets import TRAINERS, WRAPPERS

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
#: What is measured: the part, the program, and under which optimizer if under one.
Task = tuple[str, ...]

#: The law that a technique is to keep under every optimizer.
TECHNIQUES = {
    "gradient-zeroing": "frozen-value",
    "trainable-subset": "frozen-bits",
    "multi-transform": "frozen-value",
}
#: Around which a wrapper of the catalogue is put.
INNER = "adam"
#: Examples of each law that is proved: one that refutes contradicts the proof.
EXAMPLES = 10
#: Of laws that run each step once more, operation by operation.
FEWER = {"frozen-gradients-do-not-leak": 3}


def main() -> int:
    """Measure what is not in the file yet, and print what must hold."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--resume", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, default=HERE.parent / "measured", metavar="DIR")
    options = parser.parse_args()
    rows = {tuple(row["task"]): row for row in rows_of(options.resume)}
    with going_on(options.resume) as file:
        for number, task in enumerate(tasks()):
            if task in rows:
                continue
            rows[task] = {"task": task, **measure(task, rows)}
            print(json.dumps(rows[task]), file=file, flush=True)
            if number % 20 == 0:  # thousands of programs are more than a process can hold
                jax.clear_caches()
    options.output.mkdir(parents=True, exist_ok=True)
    text = markdown(rows).replace(f"{ROOT}/", "")  # the same wherever it is run
    (options.output / "proofs.md").write_text(text, encoding="utf-8")
    found = [line(rows) for line in LINES]
    for each in found:
        print(f"{'holds' if each.holds else 'FAILS':6} {each.wanted}: {each.measured}")
    return 0 if all(each.holds for each in found) else 1


def tasks() -> Iterator[Task]:
    """Yield all there is to measure; what is sampled comes after what is proved."""
    for api in ("linen", "nnx"):
        for technique in TECHNIQUES:
            yield from (("catalogue", f"{api}/{technique}", name) for name in optimizers())
    yield from (("unproved", name) for name in PROGRAMS)
    programs = [each.specimen.target for each in specimens(*TRAININGS)]
    programs += [target for target, _ in accepted_programs(*TRAININGS)]
    programs += [*TRAINERS, *WRAPPERS]
    yield from (("promise", target) for target in programs)
    yield from (("sampled", target) for target in programs)


def optimizers() -> dict[str, Any]:
    """Return every optimizer of the catalogue that can be drawn, wrappers around a plain one."""
    return {
        name: optimizer(name, *([optimizer(INNER)] if row.wraps else []))
        for name, row in CATALOGUE.items()
        if not row.excluded
    }


def measure(task: Task, rows: dict[Task, Any]) -> dict[str, Any]:
    """Measure one thing."""
    part, name, *rest = task
    if part == "catalogue":
        law = TECHNIQUES[name.partition("/")[2]]
        return brief(proving.prove(load(name), optimizers()[rest[0]], [law]), law)
    if part == "unproved":
        program = PROGRAMS[name]
        proofs = proving.prove(program.subject, optimizer(program.under), [program.law])
        return brief(proofs, program.law)
    if part == "promise":
        return standing(name)
    return {"verdicts": sampled(name, rows["promise", name]["proved"])}


def brief(proofs: Proofs, law: str) -> dict[str, Any]:
    """Return of one law on one program what it rests on, or what is in the way."""
    proof, explanation = proofs.proved.get(law), proofs.unproved.get(law)
    return {
        "law": law,
        "proved": proof and list(proof.assumptions),
        "told": explanation and str(explanation),
        "equation": bool(explanation and explanation.equation),
        "not traced": proofs.not_traced,
    }


def standing(target: str) -> dict[str, Any]:
    """Prove a program under all optimizers of its promise, and take the time after tracing."""
    subject, settling = subject_of(target), []
    settle = proving.settle_claims

    def timed(*arguments: Any, **keywords: Any) -> Any:
        started = time.process_time()
        try:
            return settle(*arguments, **keywords)
        finally:
            settling.append(time.process_time() - started)

    started = time.process_time()
    with mock.patch.object(proving, "settle_claims", timed):
        found = proving.prove_promised(subject)
    guarantees = closed(subject.promise)
    return {
        "promised": [law for law in proving.PROVABLE if BY_ID[law].guarantee in guarantees],
        "proved": {law: proof.sentence for law, proof in found.proved.items()},
        "told": {law: f"{told} under {name}" for law, (name, told) in found.unproved.items()},
        "equation": [law for law, (_, told) in found.unproved.items() if told.equation],
        "not traced": found.not_traced,
        "programs": found.programs,
        "settling": [round(seconds, 4) for seconds in settling],
        "seconds": round(time.process_time() - started, 3),
    }


def sampled(target: str, laws: dict[str, str]) -> dict[str, list[Any]]:
    """Judge a program by the laws that are proved of it, as if nothing were."""
    subject, memory = subject_of(target), CallCache()
    found = {}
    for law in laws:
        effort = Effort(FEWER.get(law, EXAMPLES), seed=0, seconds=60.0, shrinking=0)
        verdict = judge(BY_ID[law], subject, effort, memory, target)
        found[law] = [verdict.outcome, verdict.examples, verdict.reason]
    return found


def subject_of(target: str) -> Any:
    """Return a program of a corpus, or a reference."""
    if target.startswith("specimen/"):
        return as_subject(specimen_at(target), specimen_at(target).specimen.kind)
    return load(target, dict(accepted_programs(*TRAININGS)).get(target))


if __name__ == "__main__":
    sys.exit(main())
