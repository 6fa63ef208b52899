"""The law book, determinism: a run repeats, compiled or not, and leaves its batches alone."""

from __future__ import annotations

import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.pytrees.comparison import same_bits
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Snapshot
from ...reference.subjects.capability import Capability
from ...strategies.problems import lifecycles as lifecycle
from ...strategies.problems import trainings as training
from ...strategies.problems import variations
from .law import Law, refute
from .requirements.agreement import IN_STEP, require_agreement, require_runs
from .requirements.training_law import training_law


@training_law(
    "repeatable",
    guarantee="computes",
    decisive=True,
    draws=training.single,
    varies=variations.and_again,
    fresh_from=1,
    meaning="Something outlives a run: a global, a cache keyed by shape, a random number without a "
    "seed, or a frozen set that an earlier run left behind.",
)
def the_same_problem_trains_the_same(
    first: Trajectory, between: Trajectory, again: Trajectory
) -> None:
    """The same problem, trained twice from the start with another problem in between, ends in the
    same frozen leaves to the bit, and on CPU in the same leaves and losses.
    """
    import jax  # here: a law book is read without it

    on_cpu = jax.default_backend() == "cpu"  # a GPU may add up in any order
    for step, repeated in zip(first.steps, again.steps, strict=True):
        index = step.number - 1
        compared = None if on_cpu else step.frozen
        for moment in ("before", "after"):
            one, two = (getattr(each, moment).params for each in (step, repeated))
            _require_same(one, two, moment, index, compared)
        if on_cpu and not np.array_equal(_loss(step), _loss(repeated), equal_nan=True):
            refute(
                f"the loss of step {step.number} is {step.loss}, and {repeated.loss} when the same "
                "problem is trained again",
                assertion=f"np.array_equal(losses[0][{index}], losses[2][{index}], equal_nan=True)",
                leaf="loss",
                step=step.number,
                before=step.loss,
                after=repeated.loss,
            )
    if not on_cpu:
        require_agreement((first, between, again), (0, 2), "when it is trained again")


def _loss(step: Step) -> float:
    return np.nan if step.loss is None else step.loss


def _require_same(
    first: Snapshot, again: Snapshot, moment: str, index: int, compared: frozenset[Path] | None
) -> None:
    for path in sorted(set(first) | set(again) if compared is None else compared):
        one, two = first.get(path), again.get(path)
        if one is None or two is None or not same_bits(one.array, two.array):
            name = path_text(path)
            pair = ", ".join(f"{moment}[{run}][{index}].get({name!r})" for run in (0, 2))
            refute(
                f"{name}: the leaf has other bits {moment} step {index + 1} when the same problem "
                "is trained again",
                assertion=f"same_bits({pair})",
                leaf=name,
                step=index + 1,
            )


@training_law(
    "batch-untouched",
    guarantee="computes",
    needs=Capability.TRAINER,
    draws=training.single,
    meaning="A step normalises, shuffles or augments its batch in place, and the next epoch sees "
    "other data.",
)
def batches_keep_their_bytes(trajectory: Trajectory) -> None:
    """A step does not change its batch: the batch keeps its bytes."""
    if not trajectory.batch_kept:
        refute("a step changed its batch in place", assertion="all(kept[0])", leaf="batch")


@training_law(
    "eager-equals-jit",
    share=0.2,
    guarantee="computes",
    needs=Capability.WRAPPER | Capability.REFERENCE,
    draws=lifecycle.compiled,
    judges_malformed=True,
    evidence={IN_STEP: 0.2},
    meaning="During tracing Python decides what each step should decide: a mask, a counter or a "
    "branch stays that of the first step, or differs under a tracer.",
)
def compiled_and_not_they_agree(eager: Trajectory, compiled: Trajectory) -> None:
    """A step that is compiled as a whole and one that runs operation by operation move the same
    leaves. Frozen leaves are equal by value, and the others within rounding as long as both
    optimizers are given the same gradients.
    """
    require_runs(eager, compiled)
    require_agreement((eager, compiled), other="where the step is compiled")


@training_law(
    "compiles-once",
    share=0.1,
    guarantee="advice",
    needs=Capability.TRAINER & Capability.ROWS,
    draws=lifecycle.compiling,
    meaning="Something that changes from step to step is static: a Python number, a fresh function "
    "or a fresh optimizer. Each step then waits for the compiler, a hundred times as long as it "
    "takes itself.",
)
def later_steps_compile_nothing(trajectory: Trajectory) -> None:
    """Steps of one shape are compiled once: after the second, no step compiles anything."""
    # The second may: its state comes from a step, and may have other weak types.
    for index, compiled in enumerate(trajectory.compilations):
        if index > 1 and compiled:
            refute(
                f"step {index + 1} of one shape made XLA compile {compiled} "
                f"program{'s' * (compiled > 1)}, under {trajectory.problem.optimizer}",
                assertion=f"compilations[0][{index}] == 0",
                leaf="step",
                step=index + 1,
                observed=compiled,
            )


LAWS: tuple[Law, ...] = (
    the_same_problem_trains_the_same,
    batches_keep_their_bytes,
    compiled_and_not_they_agree,
    later_steps_compile_nothing,
)
