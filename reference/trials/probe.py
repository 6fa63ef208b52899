"""Finds out by a trial what a trainer can do: which laws apply, and which targets it takes."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from ..optimizers.optimizer import Optimizer, optimizer
from ..optimizers.recording import calls, handed, recording
from ..optimizers.state_looks import as_it_would
from ..problems.training_problem import TrainingProblem
from ..problems.wrapper_problem import TREES, TreeProblem, leaf_paths
from ..pytrees.articles import a_type_of
from ..pytrees.comparison import same_value
from ..pytrees.following import UnusableCopies, copied_params, find_copies
from ..pytrees.paths import Path, UnmatchedPattern, UnusableFrozen, path_text
from ..subjects.capability import Capability
from ..subjects.loading import TRAINERS
from ..subjects.optax_wrapper import GuessedWrapper
from ..subjects.signatures import UnusableSubject, signature_of
from ..subjects.trainer import Trainer
from ..subjects.training import OtherName, Training, select_frozen, select_named
from ..subjects.user_errors import let_through
from .declared_functions import prediction_of, require_loss, require_refreezing, require_views
from .drawn_first import STILL, promised_by, require_optimizers, simplest_batches
from .placed_weights import takes_params

#: Steps that a training is given until a leaf has to have moved.
_PATIENCE = 64


@dataclass(frozen=True)
class Probe:
    """The capabilities of a trainer, and the shape of one row of its predictions."""

    capabilities: frozenset[Capability]
    outputs: tuple[int, ...] = (1,)
    #: The first step after which a trainable leaf has moved; 1 where none did in `_PATIENCE`.
    first_move: int = 1
    #: The bytes of what the next moment of a training holds and the one before does not, under an
    #: optimizer that keeps no averages of the gradients.
    step_bytes: int = 0
    #: What ended the trial, if it did not come to its end.
    raised: BaseException | None = None


@functools.cache
def probe(trainer: Any) -> Probe:
    """Begin a training once, and train for one step at rate zero.

    A trainer that raises is left to the laws, which report the exception with the problem. A
    reference trainer is not tried: it declares its capabilities, and trains whatever is drawn.

    Raises:
        UnusableSubject: for a pattern in `frozen` that matches no leaf, where nothing is said of
            what is frozen, for `batches` or `optimizers` from which nothing can be drawn, for
            functions beside the training that raise, and for answers of another form than the
            contract's.
    """
    if hasattr(trainer, "optimizers"):
        require_optimizers(trainer.optimizers)
    if not isinstance(trainer, Trainer):
        return Probe(trainer.declared)
    if trainer.frozen is None:  # not refused when it is made: the other targets of its file may run
        raise UnusableSubject(
            "`frozen` is not given: name what has to stay, such as frozen=('backbone',), or "
            "say frozen=() where nothing is frozen"
        )
    return as_it_would(trainer.train_step, lambda: _tried(trainer))


def _tried(trainer: Trainer) -> Probe:
    # The plainest size that is drawn: what it compiles serves the first examples.
    problem = TrainingProblem(0, STILL, 2, 3, 0, batches=simplest_batches(trainer))
    before = calls()
    try:
        promised = promised_by(trainer)
        training, chosen = _opened(trainer, problem, promised)
    except BaseException as error:
        let_through(error)
        if isinstance(error, UnusableSubject):
            raise
        # What a training would show is not known: nobody is to be asked for it.
        return Probe(trainer.declared | {Capability.OPT_STATE})
    # Of the promise, too: the program may know the state of no other.
    rows = promised if isinstance(promised, Optimizer) else STILL
    found = set(trainer.declared)
    raised: BaseException | None = None
    try:
        found |= _views(training)
        if trainer.predict is not None and hasattr(problem.batch(1), "x"):
            found.add(Capability.PREDICT)
            problem = replace(problem, outputs=_outputs(trainer, training, problem))
        # Most promise the one that moves nothing: to begin anew would compile as much again.
        begin = functools.partial(_begun, trainer, problem, rows.at_rate(0.0))
        still = training if promised is STILL else begin()
        if takes_params(still, problem, chosen, begin):
            found.add(Capability.WITH_PARAMS)
        require_refreezing(trainer, training, chosen)
    except BaseException as error:
        let_through(error)
        if isinstance(error, UnusableSubject):
            raise
        raised = error
    if calls() == before and _ignores(trainer, problem):
        found.discard(Capability.OPTIMIZER)
    moves, held = 1, 0
    try:
        moves, held = _first_move(trainer, problem, rows.at_rate(1.0), chosen)
    except BaseException as error:  # the laws report it with the problem
        let_through(error)
        if isinstance(error, UnusableSubject):  # an answer of another form
            raise
        raised = error
    return Probe(frozenset(found), problem.outputs, moves, held, raised)


def _opened(
    trainer: Trainer, problem: TrainingProblem, promised: Any
) -> tuple[Training, frozenset[Path]]:
    """Begin a training, and return it with what is frozen of it, where all names name something.

    Raises whatever the program raises, and `UnusableSubject` for what it declares.
    """
    transformation = handed(trainer.train_step, promised.transformation)
    try:
        training = trainer.begin(0, problem.batch(1), transformation)
        require_views(trainer, training)
        chosen, _ = select_frozen(training)
        for step in trainer.phases:
            _require_apart(training, select_frozen(training, step).params)
        _require_matches(training)
    except (UnmatchedPattern, OtherName, UnusableCopies, UnusableFrozen) as error:
        raise UnusableSubject(str(error)) from None
    return training, chosen


def _views(training: Training) -> set[Capability]:
    """Return what a training shows beside its parameters."""
    shown = {
        Capability.OPT_STATE: training.opt_state() is not None,
        Capability.MODEL_STATE: bool(jax.tree.leaves(training.model_state())),
    }
    return {view for view, is_shown in shown.items() if is_shown}


def _outputs(trainer: Trainer, training: Training, problem: TrainingProblem) -> tuple[int, ...]:
    """Return the shape of one row of the predictions; that of one number for several arrays.

    Raises `UnusableSubject` for a declared loss that takes no such predictions.
    """
    prediction = prediction_of(trainer, training, problem.batch(1))
    is_array = jax.tree_util.all_leaves([prediction])
    outputs = tuple(np.shape(prediction)[1:]) if is_array else problem.outputs
    require_loss(trainer, prediction, replace(problem, outputs=outputs).batch(1))
    return outputs


def _require_matches(training: Training) -> None:
    """Require predicates to cover something: where they differ from step to step, in some step.

    Raises:
        UnmatchedPattern: for one that covers nothing.
    """
    phases = training.trainer.phases
    if not any(any(select_frozen(training, step)) for step in phases):
        for frozen in phases.values():
            select_named(training, frozen)


def _require_apart(training: Training, frozen: frozenset[Path]) -> None:
    """Require what `copies` names to be there, and not to be frozen.

    Raises:
        UnmatchedPattern: for a pattern that covers nothing.
        UnusableSubject: for a copy of nothing, and for one that is frozen.
    """
    declared = training.trainer.following
    if not declared:
        return
    now = training.moment()
    if now.rest is None:
        raise UnusableSubject("`copies` names leaves of a state whose leaves cannot be listed")
    copies = find_copies(declared, now.rest, training.roots)
    if both := frozen & copied_params(now.params, now.rest, copies):
        raise UnusableSubject(
            f"`frozen` and `copies` both name {path_text(min(both))}: what follows does not stay"
        )


def tried_first(subject: Any) -> tuple[TrainingProblem | TreeProblem, ...]:
    """Return the problem that a subject is tried on first: a process may die of it."""
    if isinstance(subject, GuessedWrapper):
        return (_FIRST_TREE,)
    if not isinstance(subject, Trainer):
        return ()
    rated = optimizer("sgd", learning_rate=1.0)
    try:
        return (TrainingProblem(0, rated, 2, 3, 0, batches=simplest_batches(subject)),)
    except UnusableSubject:  # which says so where it is used
        return ()


def _first_move(
    trainer: Trainer, problem: TrainingProblem, rated: Optimizer, chosen: frozenset[Path]
) -> tuple[int, int]:
    """Return the number of the step that first moves a trainable leaf: gradients may be
    accumulated, or a rate may start from zero. And how many bytes that step adds.
    """
    training = _begun(trainer, problem, rated)
    before = last = training.moment()
    for number in range(1, _PATIENCE + 1):
        training.step(problem.batch(number))
        now = training.moment()
        trainable = now.params.keys() & before.params.keys() - chosen
        if any(not same_value(before.params[p].array, now.params[p].array) for p in trainable):
            return number, now.bytes_beside(last)
        last = now
    return 1, 0


def _ignores(trainer: Trainer, problem: TrainingProblem) -> bool:
    """Tell whether a trainer never uses the optimizer that it is handed, even a new object."""
    before = calls()
    try:
        training = trainer.begin(0, problem.batch(1), recording.__wrapped__(STILL.transformation))
        training.step(problem.batch(1))
    except BaseException as error:
        let_through(error)
        return False
    return calls() == before


def _begun(trainer: Trainer, problem: TrainingProblem, under: Optimizer) -> Training:
    transformation = handed(trainer.train_step, under.transformation)
    return trainer.begin(0, problem.batch(1), transformation)


def capabilities_of(subject: Any) -> frozenset[Capability]:
    """Return the capabilities of a subject of any kind.

    Raises `UnusableSubject` where `probe` does, and for a function that was taken for a wrapper and
    returns something else than an optimizer.
    """
    if isinstance(subject, GuessedWrapper):
        _require_optimizer(subject)
    return probe(subject).capabilities


_PLAINEST = next(iter(TREES))
_FIRST_TREE = TreeProblem(
    _PLAINEST, leaf_paths(_PLAINEST)[:1], optimizer("sgd", learning_rate=1.0), 1, 0
)


def _require_optimizer(wrapper: GuessedWrapper) -> None:
    """Ask a function to freeze a leaf; where it raises, the laws report the exception."""
    try:
        made = wrapper.fn(_FIRST_TREE.optimizer.transformation, *_FIRST_TREE.masks())
    except BaseException as error:
        let_through(error)
        return
    if not (callable(getattr(made, "init", None)) and callable(getattr(made, "update", None))):
        raise UnusableSubject(
            f"{signature_of(wrapper.fn)} was called as an Optax wrapper, fn(optimizer, mask), and "
            f"returned {a_type_of(made)}, expected an Optax optimizer; for a trainer "
            f"{TRAINERS}"
        )
