"""Which modules are mutated, and what has to notice: subjects and laws, and test modules."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Of modules that are mutated none may be imported here: no mutant could stand in for it.
from frostproof.reference.subjects.targets import REFERENCES


@dataclass(frozen=True)
class Judged:
    """A subject that is judged, by which laws, and whether they refute it as it should be."""

    target: str
    laws: tuple[str, ...] = ("*",)
    kind: str | None = None
    refuted: bool = False


@dataclass(frozen=True)
class Plan:
    """How the mutants of a module are hunted."""

    #: Subjects that use the module, the likeliest to show a change first.
    judged: tuple[Judged, ...]
    #: Modules of tests: Optax's own for a module of Optax, and ours for one of `reference`.
    tests: tuple[str, ...]
    #: Tests of Optax that fail for the module as it is.
    failing_anyway: tuple[str, ...] = ()
    #: The functions that are mutated, where not all of the module is about freezing.
    functions: tuple[str, ...] = ()


def _all(group: str, *names: str, laws: tuple[str, ...] = ("*",)) -> tuple[Judged, ...]:
    return tuple(Judged(f"{group}/{name}", laws) for name in names)


#: Laws on a wrapper that see what it does in one run, and those that apply it in other ways.
_OF_WRAPPERS = (
    "training-runs",
    "frozen-value",
    "frozen-optimizer-state",
    "trainable-moves",
    "trains-as-if-alone",
    "freeze-twice",
)
_OPTAX = Plan(
    judged=(
        *_all(
            "optax",
            "partition",
            "selective-transform",
            "freeze-after-optimizer",
            laws=_OF_WRAPPERS,
        ),
        *_all(
            "accepted/optax-features",
            "labels-made-of-text",
            "named-chain",
            "names-that-are-taken",
            "masks-as-functions",
            "prefix-of-a-mask",
            "prefix-for-the-partition",
            "frozen-leaves-in-lists",
            "extra-argument-through-a-partition",
            "extra-argument-through-a-named-chain",
            "whole-argument",
            "masked-argument",
            "argument-of-another-form",
            "whole-argument-in-a-partition",
            "masked-argument-in-a-partition",
            "state-of-an-older-chain",
            "label-without-a-transformation",
            laws=("training-runs", "frozen-value", "freeze-nothing"),
        ),
        *_all(
            "accepted/partitions",
            "callable-labels",
            laws=("training-runs", "frozen-value", "trainable-moves"),
        ),
    ),
    tests=(
        "optax.transforms._masking_test",
        "optax.transforms._freezing_test",
        "optax.transforms._combining_test",
    ),
    # They look for the words of an error that JAX has reworded since.
    failing_anyway=(
        "_freezing_test.py::FreezeTest::test_bad_structure_raises",
        "_freezing_test.py::SelectiveTransformTest::test_selective_bad_structure",
    ),
)

_OF_TRAINERS = (
    "training-runs",
    "frozen-value",
    "frozen-optimizer-state",
    "trainable-moves",
    "upstream-still-trains",
    "unmatched-pattern-is-an-error",
    "techniques-agree",
    "linen-equals-nnx",
    "frozen-warm-state",
    "lifecycle",
    "unfreeze-resumes",
)


def _trainers(api: str) -> Plan:
    return Plan(
        judged=tuple(
            Judged(each, _OF_TRAINERS) for each in REFERENCES if each.startswith(f"{api}/")
        ),
        tests=("frostproof.properties.meta.reference.correct.test_reference_trainers",),
    )


def _exercise(api: str) -> Plan:
    return Plan(
        judged=_all("exercise", api),
        # The oracle starts from the module's own model, which is held to the contract there.
        tests=("frostproof.properties.meta.reference.numerics.test_bounds",),
    )


PLANS = {
    "optax.transforms._masking": _OPTAX,
    "optax.transforms._combining": _OPTAX,
    "optax.transforms._freezing": _OPTAX,
    "frostproof.reference.correct.wrappers": Plan(
        judged=_all(
            "optax",
            "partition",
            "selective-transform",
            "freeze-after-optimizer",
            "freeze-before-optimizer",
            laws=_OF_WRAPPERS,
        ),
        tests=("frostproof.properties.meta.reference.observation.test_compilations",),
    ),
    "frostproof.reference.linen": _exercise("linen"),
    "frostproof.reference.nnx": _exercise("nnx"),
    "frostproof.reference.correct.trainers.linen_techniques": _trainers("linen"),
    "frostproof.reference.correct.trainers.nnx_techniques": _trainers("nnx"),
    "frostproof.reference.correct.trainers.state_transfer": Plan(
        judged=(
            *_all(
                "linen",
                "multi-transform",
                "trainable-subset",
                laws=("frozen-warm-state", "unfreeze-resumes", "lifecycle", "freeze-twice"),
            ),
        ),
        tests=(
            "frostproof.properties.meta.reference.correct.test_refreezing",
            "frostproof.properties.meta.reference.correct.test_reference_trainers",
        ),
    ),
    "frostproof.reference.observation.undone_updates": Plan(
        judged=(
            Judged(
                "accepted/linen-recipes/restored-after-the-update",
                ("answer-xray-*",),
                "linen",
            ),
            Judged(
                "accepted/nnx-recipes/restored-after-the-update",
                ("answer-xray-*",),
                "nnx",
            ),
            Judged(
                "specimen/norms/norm-before-reported-twice",
                ("answer-xray-frozen",),
                "linen",
                refuted=True,
            ),
            Judged(
                "specimen/norms/norm-before-reported-twice-nnx",
                ("answer-xray-frozen",),
                "nnx",
                refuted=True,
            ),
        ),
        tests=(
            "frostproof.properties.meta.reference.observation.test_restoring",
            "frostproof.properties.meta.reference.observation.test_watching",
        ),
    ),
    "frostproof.reference.pytrees.paths": Plan(
        judged=_all(
            "linen",
            "gradient-zeroing",
            laws=("frozen-value", "exact-selection", "unmatched-pattern-is-an-error"),
        ),
        tests=("frostproof.properties.meta.reference.pytrees.test_paths",),
        functions=("normalise", "_segment", "matches", "select", "_patterns", "_covers"),
    ),
}


def plan_of(module: str) -> Plan:
    """Return how the mutants of a module are hunted; raises `KeyError`."""
    return PLANS[module]


def file_of(module: str) -> Path:
    """Return the file that a module is in, without importing it."""
    package, _, name = module.rpartition(".")
    folder = find_spec(package).submodule_search_locations[0]
    return Path(folder) / f"{name}.py"
