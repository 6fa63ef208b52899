"""The suite: one item of every law on every subject. pytest collects this file; see conftest.py."""


def test_law(frostproof_item, frostproof_judge):
    """The law holds for the subject."""
    frostproof_judge(frostproof_item)
