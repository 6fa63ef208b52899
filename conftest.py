"""Points the suite at this repository's own subjects, exactly as a third party's conftest would."""

from frostproof.properties.profiles import keep_compiled_programs

keep_compiled_programs()


def pytest_frostproof_subjects(config):
    """Judge the two reference exercises."""
    import frostproof
    from frostproof.reference import linen, nnx

    return [
        frostproof.Exercise(linen.freeze_first_dense, api="linen"),
        frostproof.Exercise(nnx.freeze_first_dense, api="nnx"),
    ]
