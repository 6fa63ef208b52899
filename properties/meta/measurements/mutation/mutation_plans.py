"""Which modules are mutated, and what has to notice: subjects and laws, and test modules."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Of modules that are mutated none may be imported here: no mutant could stand in for it.
from frostproof.reference.subjects.targets import TECHNIQUES


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


def _all(module: str, *names: str, laws: tuple[str, ...] = ("*",)) -> tuple[Judged, ...]:
    return tuple(Judged(f"{module}:{name}", laws) for name in names)


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
            "frostproof.reference.correct.wrappers",
            "partition_with_set_to_zero",
            "selective_transform",
            "freeze_after_optimizer",
            laws=_OF_WRAPPERS,
        ),
        *_all(
            "frostproof.reference.corpus.accepted.wrappers.optax_features",
            "labels_made_of_text",
            "named_chain",
            "names_that_are_taken",
            "masks_as_functions",
            "prefix_of_a_mask",
            "prefix_for_the_partition",
            "frozen_leaves_in_lists",
            "extra_argument_through_a_partition",
            "extra_argument_through_a_named_chain",
            "whole_argument",
            "masked_argument",
            "argument_of_another_form",
            "whole_argument_in_a_partition",
            "masked_argument_in_a_partition",
            "state_of_an_older_chain",
            "label_without_a_transformation",
            laws=("training-runs", "frozen-value", "freeze-nothing"),
        ),
        *_all(
            "frostproof.reference.corpus.accepted.wrappers.partitions",
            "callable_labels",
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
    module = f"frostproof.reference.{api}_trainers"
    return Plan(
        judged=_all(module, *TECHNIQUES, laws=_OF_TRAINERS),
        tests=("frostproof.properties.meta.reference.correct.test_reference_trainers",),
    )


def _exercise(api: str) -> Plan:
    return Plan(
        judged=_all(f"frostproof.reference.{api}", "freeze_first_dense"),
        # The oracle starts from the module's own model, which is held to the contract there.
        tests=("frostproof.properties.meta.reference.numerics.test_bounds",),
    )


_ACCEPTED = "frostproof.reference.corpus.accepted"
_SPECIMENS = "frostproof.reference.corpus.specimens"

PLANS = {
    "optax.transforms._masking": _OPTAX,
    "optax.transforms._combining": _OPTAX,
    "optax.transforms._freezing": _OPTAX,
    "frostproof.reference.correct.wrappers": Plan(
        judged=_all(
            "frostproof.reference.correct.wrappers",
            "partition_with_set_to_zero",
            "selective_transform",
            "freeze_after_optimizer",
            "freeze_before_optimizer",
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
                "frostproof.reference.correct.trainers.linen_techniques",
                "multi_transform",
                "trainable_subset",
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
                f"{_ACCEPTED}.exercises.linen_recipes:restored_after_the_update",
                ("answer-xray-*",),
                "linen",
            ),
            Judged(
                f"{_ACCEPTED}.exercises.nnx_recipes:restored_after_the_update",
                ("answer-xray-*",),
                "nnx",
            ),
            Judged(
                f"{_SPECIMENS}.exercises.norms:norm_before_reported_twice",
                ("answer-xray-frozen",),
                "linen",
                refuted=True,
            ),
            Judged(
                f"{_SPECIMENS}.exercises.norms:norm_before_reported_twice_nnx",
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
            "frostproof.reference.correct.trainers.linen_techniques",
            "gradient_zeroing",
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
