"""Seeds of a model: all of uint32, with the places where a conversion goes wrong made likely."""

from hypothesis import strategies as st

#: Where int32, float32 (24 bits), float16 (11 bits) and uint16 begin to differ from uint32.
_EDGES = (2**32 - 1, 2**31, 2**31 - 1, 2**24 + 1, 2**24, 2**16, 2**11 + 1)


def seeds() -> st.SearchStrategy[int]:
    """Draw an integer in [0, 2**32); shrinks to 0."""
    return st.one_of(
        st.integers(0, 100),
        st.integers(0, 2**32 - 1),
        st.integers(2**24, 2**32 - 1),
        st.integers(2**31, 2**32 - 1),
        st.sampled_from(_EDGES),
    )
