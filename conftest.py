"""Points the suite at this repository's own subjects, exactly as a third party's conftest would."""

from frostproof.properties.plan.compiled_programs import keep_compiled_programs

keep_compiled_programs()


def pytest_frostproof_subjects(config):
    """Judge both exercises, a trainer and a wrapper; `frostproof verify` judges them all."""
    import frostproof
    from frostproof.reference import linen, nnx
    from frostproof.reference.correct import wrappers as optax_wrappers
    from frostproof.reference.correct.trainers import linen_techniques as linen_trainers

    return [
        frostproof.Exercise(linen.freeze_first_dense, api="linen"),
        frostproof.Exercise(nnx.freeze_first_dense, api="nnx"),
        linen_trainers.gradient_zeroing,
        optax_wrappers.freeze_after_optimizer,
    ]
