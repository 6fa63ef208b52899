"""How far floating-point arithmetic of a given precision may lie from the real numbers.

Standard model: fl(a op b) = (a op b)(1 + d), |d| <= u, plus an absolute 2**-126 where a subnormal
result is flushed to zero, as XLA does on CPU. A sum or inner product of n terms, in any order and
with or without fused multiply-add, has a relative error of at most gamma(n) = n u / (1 - n u) of
the sum of magnitudes (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
section 3.1).
"""

from functools import cache

import numpy as np

#: Unit roundoff of float32.
UNIT = 2.0**-24
#: The smallest normal float32: what one flush to zero may lose.
FLUSHED = 2.0**-126
#: The largest finite float32.
LARGEST = float(np.finfo(np.float32).max)
#: Weights that two correct compilations of one initialiser give may differ by this many ulps.
INITIAL_ULPS = 8


def gamma(n: int, unit: float = UNIT) -> float:
    """Bound the relative error of n roundings that accumulate."""
    if n * unit >= 1:
        return np.inf
    return n * unit / (1 - n * unit)


def product_unit() -> float:
    """Bound the relative error of one product of a matrix multiplication from rounded inputs.

    0 on CPU, where float32 inputs are multiplied as they are. An accelerator's default precision
    rounds both inputs first: to TF32 (11 bits) on NVIDIA GPUs since Ampere, to bfloat16 (8 bits)
    on TPUs; `jax_default_matmul_precision` overrides it (docs.jax.dev, jax.lax.Precision).
    """
    import jax

    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    return _product_unit(jax.default_backend(), precision)


@cache
def _product_unit(backend: str, precision: str | None) -> float:
    if backend == "cpu":
        return 0.0
    if precision in ("highest", "float32", "F32_F32_F32"):
        return 0.0
    if precision is None:
        unit = 2.0**-11 if backend in ("gpu", "cuda", "rocm") else 2.0**-8
    else:
        unit = 2.0**-11 if precision in ("tensorfloat32", "high") else 2.0**-8
    return 2 * unit + unit**2
