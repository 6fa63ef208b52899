"""The suite: one item of every law on every subject. pytest collects this file; see conftest.py."""

import pytest


@pytest.mark.frostproof_laws
def test_law(law):
    """The law holds for the subject."""
    law()
