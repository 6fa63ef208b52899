"""What the prover says of random programs is true of what they compute, eagerly and compiled."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frostproof.properties.meta.proofs.random_programs import draw_program
from frostproof.properties.meta.proofs.unsound import unsound_claims

#: Programs in one example, and those of them that are compiled, together.
_TOGETHER, _COMPILED = 20, 4


@st.composite
def programs(draw):
    """Draw a program by asking Hypothesis which of so many."""
    return draw_program(lambda count: draw(st.integers(0, count - 1)))


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(programs(), min_size=_TOGETHER, max_size=_TOGETHER))
def test_every_claim_is_true(drawn):
    """Of 2,000 programs, of all that they compute: range, identity and what it depends on."""
    assert next(unsound_claims(drawn, jitted=_COMPILED), None) is None
