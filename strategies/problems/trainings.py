"""Draws problems for trainers and Optax wrappers: one run, or a run with a variation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...reference.optimizers.catalogue import CATALOGUE, COMMON
from ...reference.optimizers.declared import MANY
from ...reference.optimizers.optimizer import OWN, Optimizer
from ...reference.problems.architecture import Architecture
from ...reference.problems.architecture_pool import EVERY
from ...reference.problems.training_problem import Drawn, TrainingProblem
from ...reference.problems.wrapper_problem import TREES, TreeProblem, leaf_paths
from ...reference.subjects.capability import Capability
from ..architectures import Network, architectures, normalised
from ..optimizers import common, named, promised
from ..values import extreme_learning_rates

Problem = Any
Problems = st.SearchStrategy[tuple[Problem, ...]]
Draws = Callable[[Any], Problems]
#: Makes the problems that a law looks at of those that were drawn, for a subject.
Varies = Callable[[Any, tuple[Problem, ...]], tuple[Problem, ...]]

_fills = st.integers(0, 2**16 - 1)
#: How long runs are, as multiples of the steps after which anything moves.
_LENGTHS = (*(1, 2, 3, 4) * 4, 8)
#: How long those are that most laws share: a leak may come late. With a few long ones they take
#: twice as many steps, which no law needs to take alone.
_SHARED_LENGTHS = (*(1, 2, 3, 4) * 8, *(8,) * 4, *(16,) * 3, 64)
#: Those under a rate of zero: one step does not tell a decay from a projection.
_LENGTHS_AT_RATE_ZERO = (*(2, 3, 4) * 5, 8)
#: How long most of these are; where the phases of a trainer last longer, one run in some five
#: reaches the last of them.
_USUAL, _SHARE_OF_LAST = 4, 4
#: The longest run, and that of a reference, whose optimizer runs operation by operation.
_LONGEST, _LONGEST_OF_REFERENCES = 64, 16
#: Bytes that the moments of a run of more than `_USUAL` steps hold, unless it is to reach a phase;
#: twice as many under an optimizer that keeps averages.
_MOST_BYTES = 1 << 28
_seeds = st.one_of(st.integers(0, 10), st.integers(0, 2**31 - 1))
#: Rows and features of a batch, the plainest first. Few: each is a compilation for each optimizer,
#: and each number of features for every operation of one: 3 is also that of the drawn trees.
_SIZES = ((2, 3), (1, 1), (7, 3))
#: Those of what is compiled for one size: with a single feature, kernels have a single row.
_SIZES_OF_OTHERS = ((2, 3), (1, 3), (7, 3))
#: The rows of the catalogue by their place in it.
_PLACES = {name: place for place, name in enumerate(CATALOGUE)}
#: Structures whose leaves are all float32.
_PLAIN_TREES = tuple(name for name in TREES if name not in ("bfloat16", "float16"))


def problems(
    subject: Any,
    optimizers: st.SearchStrategy[Optimizer] | None = None,
    *,
    trees: tuple[str, ...] = _PLAIN_TREES,
    steps: st.SearchStrategy[int] | None = None,
    **fields: Any,
) -> st.SearchStrategy[Problem]:
    """Draw one problem for a subject, under the optimizers of its promise unless others are given.

    Shrinks to one step by sgd(1.0), the smallest tree or batch, seed 0. `fields` are fixed, for
    wrappers and trainers alike where both have them.
    """
    optimizers = claimed(subject) if optimizers is None else optimizers
    steps = _steps(subject, _LENGTHS) if steps is None else steps
    if subject.kind == "optax":
        return _tree_problems(optimizers, trees, steps, fields)
    return subject_problems(subject, optimizers, steps, fields)


def _steps(subject: Any, lengths: tuple[int, ...]) -> st.SearchStrategy[int]:
    """Draw the number of steps of a run: those that a trainer names by `steps=`, or a multiple."""
    from ...reference.trials.probe import probe  # here: the law book is read without JAX

    own = getattr(subject, "steps", None)
    if own is not None:
        return st.sampled_from(sorted(own))
    found = probe(subject)
    is_reference = Capability.REFERENCE in found.capabilities
    longest = max(_LONGEST_OF_REFERENCES if is_reference else _LONGEST, found.first_move)
    held = max(_MOST_BYTES // (found.step_bytes or 1), _USUAL * found.first_move)
    usual = [min(found.first_move * length, longest, held) for length in lengths]
    reaching = _last_phase(subject) - 1 + 2 * found.first_move
    if _USUAL * found.first_move < reaching <= longest:
        usual += [reaching] * (len(lengths) // _SHARE_OF_LAST)
    return st.sampled_from(usual)


def _last_phase(subject: Any) -> int:
    """Return the step from which on a trainer's last phase lasts; 1 where none is known: predicates
    of two steps are not told apart.
    """
    phases = getattr(subject, "phases", {1: ()})
    return 1 if any(map(callable, phases.values())) else max(phases)


def claimed(subject: Any) -> st.SearchStrategy[Any]:
    """Draw from the optimizers under which a subject promises to freeze.

    A program that ignores the optimizer it is handed gets an `OwnOptimizer`.
    """
    from ...reference.trials.probe import (
        capabilities_of,  # here: a law book is read without JAX
    )

    own = Capability.OPTIMIZER not in capabilities_of(subject)
    return st.just(OWN) if own else promised(subject.optimizers)


def subject_problems(
    subject: Any,
    optimizers: st.SearchStrategy[Optimizer],
    steps: st.SearchStrategy[int],
    fields: dict[str, Any],
) -> st.SearchStrategy[TrainingProblem]:
    """Draw one problem for a trainer."""
    from ...reference.trials.probe import probe

    found = probe(subject)
    fields = dict(fields)
    weights = fields.pop("weights", None)
    if "gradients" in fields:  # of a drawn tree; a trainer's come from its batches
        fields["numbers"] = _NUMBERS_FOR[fields.pop("gradients")]

    drawn_networks = Capability.REFERENCE in found.capabilities
    one_size = is_compiled_for_one_size(subject)

    def build(
        optimizer: Any,
        steps: int,
        size: tuple[int, int],
        seed: int,
        fill: int,
        reweighted: str,
        batches: tuple[Drawn, ...] | None,
        network: Network | None,
    ) -> TrainingProblem:
        if Capability.OPTIMIZER not in found.capabilities:
            optimizer = OWN
        # Some optimizers start from the weights they are shown: those stay as they are.
        plain = (optimizer.inner or optimizer).name in (*COMMON, OWN.name)
        redraws = Capability.WITH_PARAMS in found.capabilities and (plain or weights == "special")
        if one_size and optimizer is not OWN:
            size = size_under(optimizer, size)
        problem = TrainingProblem(
            seed,
            optimizer,
            *size,
            fill,
            actions=("step",) * steps,
            weights=(weights or reweighted) if redraws else "initialised",
            outputs=found.outputs,
            batches=batches,
        )
        problem = replace(problem, **fields)
        return problem if network is None else in_network(problem, *network)

    batches: st.SearchStrategy[Any] = st.none()
    if subject.batches is not None:
        own = subject.batches.map(Drawn)
        batches = st.lists(own, min_size=1, max_size=4).map(tuple)
    return st.builds(
        build,
        optimizers,
        steps,
        st.sampled_from(_SIZES),
        _seeds,
        _fills,
        st.sampled_from(("initialised", "redrawn")),
        batches,
        architectures() if drawn_networks else st.none(),
    )


def in_network(
    problem: TrainingProblem, architecture: Architecture, frozen: tuple[str, ...]
) -> TrainingProblem:
    """Return the same problem in another architecture, with batches of the size that it takes."""
    rows, features = _size_of(EVERY.index(architecture), (problem.rows, problem.features))
    return replace(problem, architecture=architecture, frozen=frozen, rows=rows, features=features)


def is_compiled_for_one_size(subject: Any) -> bool:
    """Tell whether an optimizer of a trainer's promise meets batches of one size: of a promise of
    few optimizers each is compiled for all sizes, and references draw their networks.
    """
    is_trainer = subject.kind == "trainer" and Capability.REFERENCE not in subject.declared
    return is_trainer and subject.optimizers in MANY


def size_under(optimizer: Optimizer, drawn: tuple[int, int]) -> tuple[int, int]:
    """Return the size of batches that an optimizer of a promise of many is compiled for."""
    rows = [row for row in (optimizer, optimizer.inner) if row is not None]
    return _size_of(sum(_PLACES[row.name] for row in rows), drawn)


def _size_of(place: int, drawn: tuple[int, int]) -> tuple[int, int]:
    """Return the size of batches of what is compiled: the drawn one of the plainest, which stands
    at place 0, and always the same one of another.
    """
    return _SIZES_OF_OTHERS[place % len(_SIZES_OF_OTHERS)] if place else drawn


_NUMBERS_FOR = {"ordinary": "ordinary", "inf": "overflowing", "nan": "nan", "huge": "huge"}


def _tree_problems(
    optimizers: st.SearchStrategy[Optimizer],
    trees: tuple[str, ...],
    steps: st.SearchStrategy[int],
    fields: dict[str, Any],
) -> st.SearchStrategy[TreeProblem]:
    @functools.cache  # one strategy per tree, and not one per draw
    def of_tree(tree: str) -> st.SearchStrategy[TreeProblem]:
        return st.builds(
            lambda frozen, optimizer, steps, fill: TreeProblem(
                tree, frozen, optimizer, steps, fill, **fields
            ),
            _some_of(leaf_paths(tree)),
            optimizers,
            steps,
            _fills,
        )

    return st.sampled_from(trees).flatmap(of_tree)


@functools.cache
def _some_of(paths: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw a subset, at least one leaf and seldom all; shrinks to the first leaf alone.

    A mask that is off by one goes wrong at the first or the last leaf alone.
    """
    if len(paths) == 1:
        return st.just(paths)
    ends = st.sampled_from((paths[:1], paths[-1:]))
    flags = st.tuples(*(st.booleans() for _ in paths))
    drawn = flags.map(lambda chosen: tuple(p for p, c in zip(paths, chosen, strict=True) if c))
    return st.one_of(ends, drawn.map(lambda some: some or paths[:1]))


def single(subject: Any) -> Problems:
    """Draw one ordinary problem: most laws share it, and with it the subject's runs."""
    return st.tuples(problems(subject, steps=_steps(subject, _SHARED_LENGTHS)))


def with_bad_batches(subject: Any) -> Problems:
    """Draw one problem in which each second batch may hold NaN, or overflow, or be huge."""
    choices = ("nan", "overflowing", "huge", "ordinary")
    return st.builds(
        lambda problem, numbers: (replace(problem, numbers=numbers, alternating=True),),
        problems(subject),
        st.sampled_from(choices),
    )


def as_begun(subject: Any) -> Problems:
    """Draw one problem of a step, with the weights that the trainer begins with."""
    return st.tuples(problems(subject, steps=st.just(1), weights="initialised"))


def with_statistics(subject: Any) -> Problems:
    """Draw one problem of layers with statistics, some of them frozen, if these are drawn."""
    if Capability.REFERENCE not in subject.declared:
        return single(subject)
    return st.tuples(in_networks(st.tuples(problems(subject)), normalised()))


def under(
    choose: Callable[[Any], st.SearchStrategy[Optimizer]],
    gradients: tuple[str, ...] = ("ordinary",),
    **fields: Any,
) -> Draws:
    """Draw one problem under other optimizers: those that `choose` makes from the promised ones.

    A promise of the whole catalogue gives it the common set: laws that draw `single` judge the
    whole catalogue, and each optimizer is compiled for each tree.
    """

    def draws(subject: Any) -> Problems:
        every = subject.optimizers == "all"
        chosen = choose(common() if every else claimed(subject))
        asked = functools.cache(lambda each: problems(subject, chosen, gradients=each, **fields))
        if len(gradients) == 1:  # drawn as `single` draws, where no optimizer is left out
            return st.tuples(asked(*gradients))
        return st.tuples(st.sampled_from(gradients).flatmap(asked))

    return draws


def in_networks(
    drawn: Problems, networks: st.SearchStrategy[Network]
) -> st.SearchStrategy[Problem]:
    """Draw the same problems with other architectures, and layers that are frozen in them."""
    return st.builds(lambda problems, network: in_network(problems[0], *network), drawn, networks)


def with_regimes(**regimes: tuple[Any, ...]) -> Draws:
    """Draw one problem of these gradients, weights or trees, each as likely as the others.

    Trees are those of a wrapper's problems: a trainer has its own.
    """

    def draws(subject: Any) -> Problems:
        asked = {
            name: each
            for name, each in regimes.items()
            if name != "trees" or subject.kind == "optax"
        }
        if not asked:
            return single(subject)
        names, choices = list(asked), [st.sampled_from(each) for each in asked.values()]
        return st.tuples(
            st.tuples(*choices).flatmap(
                functools.cache(
                    lambda chosen: problems(subject, **dict(zip(names, chosen, strict=True)))
                )
            )
        )

    return draws


def at_extreme_rates(subject: Any) -> Problems:
    """Draw one problem at a learning rate that is zero, negative, tiny or huge."""
    rates = st.builds(
        lambda optimizer, rate: optimizer.at_rate(rate),
        claimed(subject),
        extreme_learning_rates(),
    )
    return st.tuples(problems(subject, rates))


def at_rate_zero(subject: Any) -> Problems:
    """Draw one problem under SGD or momentum at rate zero, of two steps or more."""
    still = named("sgd", "momentum", "nesterov", learning_rates=(0.0,))
    return st.tuples(problems(subject, still, steps=_steps(subject, _LENGTHS_AT_RATE_ZERO)))


def varied(**changes: Any) -> Draws:
    """Draw a problem, and the same with these fields changed."""

    def draws(subject: Any) -> Problems:
        return problems(subject).map(lambda problem: (problem, replace(problem, **changes)))

    return draws
