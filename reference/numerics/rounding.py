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

    0 on CPU, where float32 inputs are multiplied as they are, whatever precision is asked for. An
    accelerator's default precision rounds both inputs first: to TF32 on NVIDIA GPUs since Ampere,
    to bfloat16 on TPUs; `jax_default_matmul_precision` overrides it (docs.jax.dev,
    jax.lax.Precision).
    """
    import jax

    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    return _product_unit(jax.default_backend(), precision)


#: What one rounding of an input may change, by the format. NVIDIA's tensor cores cut the lower bits
#: of a float32 off where TF32 is asked for (M. Fasi et al., Numerical behavior of NVIDIA tensor
#: cores, 2021): a whole unit in the last place, and not a half. Of the formats of 8 bits the
#: coarser one counts, with 2 bits after the first, since a program may ask for either.
_TF32, _BFLOAT16, _FLOAT16, _FLOAT8 = 2.0**-10, 2.0**-8, 2.0**-11, 2.0**-3


@cache
def _product_unit(backend: str, precision: str | None) -> float:
    if backend == "cpu":
        return 0.0
    unit = _input_unit(backend, precision or "default")
    return 2 * unit + unit**2


def _input_unit(backend: str, precision: str) -> float:
    on_gpu = backend in ("gpu", "cuda", "rocm")
    match precision:
        case "highest" | "float32" | "F32_F32_F32":
            return 0.0
        case "default":
            return _TF32 if on_gpu else _BFLOAT16
        case "high" | "tensorfloat32":  # on a TPU three products of bfloat16, which is finer
            return _TF32
        case _ if precision.startswith("TF32"):
            return _TF32
        case _ if precision.startswith("F16"):
            return _FLOAT16
        case _ if precision.startswith("ANY_F8"):
            return _FLOAT8
        case _:  # bfloat16, in one product or, which is finer, in several
            return _BFLOAT16
