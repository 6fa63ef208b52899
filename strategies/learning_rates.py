"""Learning rates: ordinary ones up to 1e3, and every finite one where a law is about that."""

from hypothesis import strategies as st

_LARGEST = 3.4e38  # beyond float32 the rate is inf, and inf * 0 turns a zeroed gradient into NaN


def learning_rates() -> st.SearchStrategy[float]:
    """Draw an ordinary rate; shrinks to 1.

    They reach 1e3, so that a leak proportional to the rate outgrows every rounding bound.
    """
    return st.one_of(
        st.sampled_from((1.0, 0.1, 0.01, 10.0, 0.5, 1e-3, 100.0, 1000.0)),
        st.floats(1e-4, 1e3),
    )


def extreme_learning_rates() -> st.SearchStrategy[float]:
    """Draw a rate that is zero, negative, tiny or huge, but finite in float32; shrinks to 0."""
    return st.one_of(
        st.sampled_from((0.0, -1.0, 1e-38, 1e-45, _LARGEST, -_LARGEST)),
        st.floats(-_LARGEST, _LARGEST),
    )
