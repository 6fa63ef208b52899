"""Tests that libraries ship about what is at fault, to be run beside the law that refutes it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OwnTests:
    """Files of tests in the source distribution of a library."""

    #: Those about freezing, about what trains, and about the module at fault.
    files: tuple[str, ...]
    #: Packages that they import, beside those of the library's recipes.
    needs: tuple[str, ...] = ()
    #: What their names have to say, as pytest's `-k` takes it, where all of them take too long.
    named: str = ""
    #: Why some fail or cannot run, looked into: not by a fault of the table.
    failing: str = ""


#: By library. A library that is not listed ships no test of what is at fault.
OWN_TESTS = {
    "alphagenome-ft": OwnTests(
        (
            "tests/test_optimizer_masking.py",
            "tests/test_parameter_management.py",
            "tests/test_custom_heads.py",
        ),
        failing="they cannot be run: the distribution leaves out `conftest.py`, and the package "
        "imports research code that is not on PyPI",
    ),
    "braintools": OwnTests(
        (
            "braintools/optim/_optax_optimizer_test.py",
            "braintools/optim/_state_uniquifier_test.py",
            "braintools/optim/_audit_fixes_test.py",
            "braintools/optim/_reaudit_fixes_test.py",
        ),
        ("absl-py",),
    ),
    "dynamax": OwnTests(("dynamax/parameters_test.py", "dynamax/utils/test_optimize.py")),
    "flax": OwnTests(
        ("tests/nnx/optimizer_test.py", "tests/nnx/filters_test.py", "tests/nnx/nn/lora_test.py"),
        ("absl-py",),
    ),
    "gpjax": OwnTests(
        ("tests/test_fit.py", "tests/test_parameters.py"), named="freeze or frozen or trainable"
    ),
    "keras": OwnTests(
        (
            "keras/src/layers/layer_test.py",
            "keras/src/layers/core/dense_test.py",
            "keras/src/trainers/trainer_test.py",
            "keras/src/backend/jax/trainer_test.py",
        ),
        ("absl-py", "scipy", "pandas"),
        failing="tensorflow and grain are not installed, and a warning about shards needs two "
        "devices",
    ),
    "optax": OwnTests(
        (
            "optax/transforms/_freezing_test.py",
            "optax/transforms/_masking_test.py",
            "optax/transforms/_combining_test.py",
            "optax/schedules/_inject_test.py",
            "optax/_src/transform_test.py",
        ),
        ("absl-py",),
        failing="the newest JAX words an error otherwise than two tests expect",
    ),
    "penzai": OwnTests(
        (
            "tests/core/variables_test.py",
            "tests/nn/parameters_test.py",
            "tests/models/simple_mlp_test.py",
            "tests/toolshed/lora_test.py",
        ),
        ("absl-py", "chex"),
    ),
    "quax": OwnTests(("tests/usage/test_lora.py",), ("beartype", "pytest-env")),
    "zadapter": OwnTests(
        ("tests/test_zadapter_zenbit_integration.py",),
        failing="it cannot be run: it looks for the package's files beside itself, and for a TPU",
    ),
}
