"""Draws problems for exercises: a single one, one with a variation, or a sequence of calls."""

from dataclasses import replace

from hypothesis import strategies as st

from ...reference.problems.exercise_problem import REGIMES, ExerciseProblem
from ...reference.subjects.exercise import Exercise
from ..values import Shape, extreme_learning_rates, learning_rates, seeds

Problems = st.SearchStrategy[tuple[ExerciseProblem, ...]]

_fills = st.integers(0, 2**16 - 1)
# Half of all batches are ordinary: each law still sees every regime, and most are conclusive.
_regimes = st.one_of(st.just(REGIMES[0]), st.sampled_from(REGIMES))

#: Orders of calls: 0 is a problem, 1 the same with other data, 2 another one.
#: A program that remembers its last call alone is seen where a problem returns after two others.
_PATTERNS = ((0, 0), (0, 1, 0), (0, 2, 0), (0, 1, 1, 0), (0, 1, 2, 1, 0), (0, 2, 1, 2, 0, 1))


def problems(subject: Exercise, shapes: tuple[Shape, ...]) -> st.SearchStrategy[ExerciseProblem]:
    """Draw one problem; shrinks to seed 0, one row, one feature, ordinary values, rate 1."""
    return _problems(subject, shapes, learning_rates())


def single(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw one problem."""
    return st.tuples(problems(subject, shapes))


def single_at_any_rate(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw one problem; some learning rates are zero, negative, tiny or huge.

    Batches that overflow are more likely than elsewhere: norms can be judged on them, too.
    """
    rates = st.one_of(learning_rates(), learning_rates(), extreme_learning_rates())
    return st.tuples(_problems(subject, shapes, rates, st.one_of(_regimes, st.just("overflowing"))))


def single_compiled_anew(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw one problem of the first few shapes: a watched step is compiled in every process."""
    return single(subject, shapes[:5])


def at_another_rate(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw a problem, and the same at another learning rate."""
    return st.builds(
        lambda problem, rate: (problem, replace(problem, learning_rate=rate)),
        problems(subject, shapes),
        learning_rates(),
    )


def with_permuted_rows(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw a problem, and the same with its rows permuted."""
    return st.builds(
        lambda problem, order: (problem, replace(problem, order=order)),
        problems(subject, shapes),
        st.integers(0, 2**16 - 1),
    )


def with_repeated_rows(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw a problem, and the same with each row twice; a few shapes, since each makes two."""
    return st.builds(
        lambda problem: (problem, replace(problem, repeats=2)), problems(subject, shapes[:6])
    )


def sequences(subject: Exercise, shapes: tuple[Shape, ...]) -> Problems:
    """Draw 2 to 6 calls with repeats, among them the same shape and seed with other data."""
    return st.builds(
        lambda first, fill, other, pattern: tuple(
            (first, replace(first, fill=fill), other)[index] for index in pattern
        ),
        problems(subject, shapes),
        _fills,
        problems(subject, shapes),
        st.sampled_from(_PATTERNS),
    )


def _problems(
    subject: Exercise,
    shapes: tuple[Shape, ...],
    rates: st.SearchStrategy[float],
    regimes: st.SearchStrategy[str] = _regimes,
) -> st.SearchStrategy[ExerciseProblem]:
    def build(shape: Shape, regime: str, seed: int, rate: float, fill: int) -> ExerciseProblem:
        outputs = 1 if subject.api == "linen" else shape.outputs
        return ExerciseProblem(
            subject.api, seed, rate, shape.rows, shape.features, outputs, regime, fill
        )

    # A large batch costs as much as ten others, to fill and to judge: one in three draws may.
    small = [shape for shape in shapes if shape.rows * shape.features <= 1024]
    sizes = st.one_of(st.sampled_from(small), st.sampled_from(small), st.sampled_from(shapes))
    return st.builds(build, sizes, regimes, seeds(), rates, _fills)
