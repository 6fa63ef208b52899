"""What a subject lacks for a law is told by what its user can give."""

from frostproof.reference.subjects.capability import Capability


def test_what_no_keyword_gives_is_not_asked_for():
    """A trainer can be given a keyword, and cannot be made a wrapper or a reference."""
    needs = Capability.WRAPPER | Capability.REFREEZE & Capability.OPTIMIZER

    lacking = needs.missing({Capability.TRAINER, Capability.OPTIMIZER})

    assert lacking == "needs `refreeze=` (a function that freezes other leaves from now on)"
    assert needs.missing({Capability.WRAPPER}) is None
    assert (Capability.TREE & Capability.WRAPPER).missing(()) == "needs tree and wrapper"


def test_what_a_program_does_without_is_named():
    """State made anew in each step is not kept; who solves for leaves has no optimizer."""
    needs = Capability.OPT_STATE & Capability.OPTIMIZER

    lacking = needs.missing({Capability.TRAINER})

    assert "`opt_state=` (a function that returns the optimizer's state, an empty tuple" in lacking
    assert "a `create` that uses the optimizer it is handed (this one has its own, or" in lacking
    assert "()" not in lacking  # reports leave asides out, and know of none within another


def test_a_loss_is_asked_for_in_the_same_words_by_all_laws():
    """Until there is one: then the laws of the mean squared error name it."""
    of_any = (Capability.LOSS & Capability.PREDICT).missing({Capability.TRAINER})
    of_mse = Capability.MSE & Capability.PREDICT

    assert of_any == of_mse.missing({Capability.TRAINER})
    assert of_any.startswith("needs `loss=` ('mse', or for some laws a NumPy function of")
    assert of_mse.missing({Capability.PREDICT, Capability.LOSS}) == "needs `loss='mse'`"
