"""What a device changes: bounds of products, sums in any order; and which device judges."""

import json
import os
import subprocess
import sys

import jax
import ml_dtypes
import numpy as np
import pytest

import frostproof
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.processes.device import on_device
from frostproof.reference import linen
from frostproof.reference.numerics.error_bounds import Bounded
from frostproof.reference.numerics.rounding import product_unit
from frostproof.reference.oracles import exercise_oracle


@pytest.fixture
def on(monkeypatch):
    """Return a function that lets the suite take this process for one on another device."""

    def backend(name):
        exercise_oracle.oracle_of.cache_clear()
        monkeypatch.setattr(jax, "default_backend", lambda: name)

    yield backend
    exercise_oracle.oracle_of.cache_clear()


def cut(x):
    """Return float32 as tensor cores read it: TF32, the lower 13 bits cut off."""
    return (np.asarray(x, np.float32).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


def rounded(dtype):
    return lambda x: x.astype(dtype).astype(np.float32)


@pytest.mark.parametrize(
    ("backend", "precision", "read"),
    [
        ("gpu", None, cut),
        ("gpu", "tensorfloat32", cut),
        ("gpu", "TF32_TF32_F32", cut),
        ("gpu", "BF16_BF16_F32", rounded(ml_dtypes.bfloat16)),
        ("gpu", "F16_F16_F32", rounded(np.float16)),
        ("gpu", "ANY_F8_ANY_F8_F32", rounded(ml_dtypes.float8_e4m3fn)),
        ("gpu", "ANY_F8_ANY_F8_F32", rounded(ml_dtypes.float8_e5m2)),
        ("tpu", None, rounded(ml_dtypes.bfloat16)),
        ("gpu", "highest", lambda x: x),
        ("cpu", "tensorfloat32", lambda x: x),
    ],
)
def test_products_lie_within_the_bound(on, backend, precision, read):
    """Of inputs read in the format that a precision stands for; half the bound would be too small
    wherever they are rounded at all.
    """
    on(backend)
    a, b = np.random.default_rng(4).uniform(0.5, 2, size=(2, 100_000)).astype(np.float32)

    with jax.default_matmul_precision(precision):
        unit = product_unit()
        bounded = Bounded.exact(a[None, :50]) @ Bounded.exact(b[:50, None])
    exact = a.astype(float) * b
    worst = np.max(np.abs(read(a).astype(float) * read(b) - exact) / exact)

    assert unit / 8 < worst <= unit or unit == worst == 0
    inexact = read(a)[None, :50] @ read(b)[:50, None]
    assert abs(inexact - bounded.value).item() <= bounded.error.item()


def test_jax_on_a_cpu_rounds_no_inputs():
    """Whatever precision is asked for: there the bound has no room for it."""
    a, b = np.random.default_rng(0).normal(size=(2, 40, 40)).astype(np.float32)
    bounded = Bounded.exact(a) @ Bounded.exact(b)

    for precision in ("tensorfloat32", "bfloat16", "BF16_BF16_F32"):
        with jax.default_matmul_precision(precision):
            product = np.asarray(jax.jit(jax.numpy.matmul)(a, b), float)
        assert (np.abs(product - bounded.value) <= bounded.error).all()


def exercise(multiply, add):
    """Return the Linen exercise in NumPy, with other products and sums."""

    def train(seed, x, y, lr):
        params = linen.model.init(jax.random.PRNGKey(int(seed)), x[:1])["params"]
        first, second = (jax.tree.map(np.asarray, params[name]) for name in ("Dense_0", "Dense_1"))
        hidden = np.maximum(multiply(x, first["kernel"]) + first["bias"], 0)
        prediction = multiply(hidden, second["kernel"]) + second["bias"]
        norm = np.linalg.norm(first["kernel"])
        return np.array([add((prediction[:, 0] - y) ** 2) / np.float32(len(y)), norm, norm])

    return frostproof.Exercise(train, api="linen")


def verdict(law, subject, examples=60):
    return judge(BY_ID[law], subject, Effort(examples, seed=5), CallCache(), "subject")


@pytest.mark.parametrize(("backend", "outcome"), [("gpu", "held"), ("cpu", "refuted")])
def test_products_of_cut_inputs_are_right_on_a_gpu_alone(on, backend, outcome):
    """Losses of a network that multiplies as tensor cores do."""
    on(backend)
    subject = exercise(lambda x, y: cut(x) @ cut(y), np.sum)

    assert verdict("answer-loss-is-mse", subject).outcome == outcome


@pytest.mark.parametrize(("backend", "outcome"), [("gpu", "held"), ("cpu", "refuted")])
def test_sums_in_another_order_are_right_on_a_gpu_alone(on, backend, outcome):
    """The same problem again need not give the same bits, but has to give a correct loss."""
    on(backend)
    calls = iter(range(10**6))

    def add(terms):
        order = np.random.default_rng(next(calls)).permutation(len(terms))
        return np.cumsum(terms[order], dtype=np.float32)[-1]

    assert verdict("answer-repeatable", exercise(np.matmul, add)).outcome == outcome


@pytest.mark.parametrize("backend", ["gpu", "cpu"])
def test_a_wrong_answer_is_wrong_on_every_device(on, backend):
    """What is not repeatable beyond rounding, and what is not the loss, is refuted."""
    on(backend)
    calls = iter(range(10**6))
    drifting = exercise(np.matmul, lambda terms: np.sum(terms) * (1 + next(calls) % 2))
    summed = exercise(np.matmul, lambda terms: np.sum(terms) * len(terms))

    assert verdict("answer-repeatable", drifting).outcome == "refuted"
    assert verdict("answer-loss-is-mse", summed).outcome == "refuted"


def test_the_report_names_the_device(tmp_path):
    """Of objects in this process; and a device that is not there ends the run in one line."""
    subject = exercise(np.matmul, np.sum)
    platform = jax.devices()[0].platform

    report = frostproof.verify(
        subject, laws=("answer-shape",), max_examples=3, device=platform, report=tmp_path
    )

    assert report.versions["device"].startswith(f"{platform} (")
    assert json.loads((tmp_path / "report.json").read_text())["versions"] == report.versions
    other = "tpu" if platform != "tpu" else "gpu"
    with pytest.raises(
        ValueError, match=rf"--device {other}: JAX finds no {other} here, but {platform} "
    ):
        frostproof.verify(subject, device=other)
    with pytest.raises(ValueError, match="one of cpu, gpu, tpu, got 'cuda'"):
        frostproof.verify(subject, device="cuda")


def test_processes_are_asked_for_their_device(tmp_path, monkeypatch):
    """A target given by name runs on the device, and the setting ends with the run."""
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)

    report = frostproof.verify(
        "exercise/linen", laws=("answer-shape",), max_examples=3, device="cpu"
    )

    assert report.versions["device"] == "cpu (cpu)"
    assert "JAX_PLATFORMS" not in os.environ
    with on_device("gpu"):
        assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    if jax.default_backend() != "gpu":
        with pytest.raises(ValueError, match="JAX finds no gpu here, but cpu"):
            frostproof.verify("exercise/linen", device="gpu")


def test_several_devices_are_counted():
    """As where a host is cut into four."""
    look = "from frostproof.properties.processes.device import device_in_use as f; print(f())"
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}

    run = subprocess.run(
        [sys.executable, "-c", look], env=os.environ | flags, capture_output=True, text=True
    )

    assert run.stdout == "cpu (cpu × 4)\n"
