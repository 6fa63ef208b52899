"""What a subject lacks for a law is told by what its user can give."""

from frostproof.reference.subjects.capability import Capability


def test_what_no_keyword_gives_is_not_asked_for():
    """A trainer can be given a keyword, and cannot be made a wrapper or a reference."""
    needs = Capability.WRAPPER | Capability.REFREEZE & Capability.OPTIMIZER

    lacking = needs.missing({Capability.TRAINER, Capability.OPTIMIZER})

    assert lacking == "needs `refreeze=` (a function that freezes other leaves from now on)"
    assert needs.missing({Capability.WRAPPER}) is None
    assert (Capability.TREE & Capability.WRAPPER).missing(()) == "needs tree and wrapper"
