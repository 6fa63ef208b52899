"""Points the suite at this repository's own subjects, exactly as a third party's conftest would."""

import os
from pathlib import Path

import pytest

from frostproof.properties.profiles import keep_compiled_programs

keep_compiled_programs()


@pytest.hookimpl(optionalhook=True)  # of xdist, which may be switched off
def pytest_xdist_auto_num_workers(config):
    """Start one process more than there are cores for our own tests: some wait until a limit of
    time has passed.
    """
    if config.rootpath != Path(__file__).parent or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 1


def pytest_frostproof_subjects(config):
    """Judge both exercises, two trainers and a wrapper; `frostproof verify` judges them all."""
    import frostproof
    from frostproof.reference import linen, linen_trainers, nnx, nnx_trainers, optax_wrappers

    return [
        frostproof.Exercise(linen.freeze_first_dense, api="linen"),
        frostproof.Exercise(nnx.freeze_first_dense, api="nnx"),
        linen_trainers.gradient_zeroing,
        nnx_trainers.trainable_subset,
        optax_wrappers.freeze_after_optimizer,
    ]
