"""Checks and converts the four arguments of the two exercises, as NumPy users expect."""

from typing import Any, NamedTuple

import numpy as np

LARGEST_SEED = 2**32 - 1


class Arguments(NamedTuple):
    """seed uint32 (), x float32 (N, D), y float32 (N,) or (N, out), learning_rate float32 ()."""

    seed: np.uint32
    x: np.ndarray
    y: np.ndarray
    learning_rate: np.float32


def check_arguments(seed: Any, x: Any, y: Any, lr: Any, *, y_rank: int) -> Arguments:
    """Convert the arguments of an exercise.

    Args:
        seed: a number that truncates to an integer in uint32.
        x: inputs (N, D), with N at least 1.
        y: targets (N,) or (N, out).
        lr: the learning rate, finite in float32.
        y_rank: the number of dimensions of `y`.

    Raises:
        ValueError: which names the wrong argument.
    """
    inputs = _array("x", x, rank=2)
    targets = _array("y", y, rank=y_rank)
    if len(inputs) != len(targets):
        raise ValueError(
            f"`x` and `y` must have equally many rows, got {len(inputs)} and {len(targets)}"
        )
    return Arguments(_seed(seed), inputs, targets, _learning_rate(lr))


def _seed(seed: Any) -> np.uint32:
    number = _real_number("seed", seed)
    if not -1 < number < LARGEST_SEED + 1:  # what truncates into uint32; NaN fails both
        raise ValueError(f"`seed` must be a number from 0 to {LARGEST_SEED}, got {seed!r}")
    return np.uint32(int(number))


def _learning_rate(lr: Any) -> np.float32:
    number = _real_number("lr", lr)
    # Beyond float32 the rate becomes inf, and inf * 0 turns even a zeroed gradient into NaN.
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise ValueError(f"`lr` must be finite in float32 (at most 3.4e38), got {lr!r}")
    return np.float32(number)


def _real_number(name: str, value: Any) -> float | int:
    if isinstance(value, int):  # exact: above 2**53 a float would round it into range
        return value
    number = _numbers(name, value)
    if number.size != 1:
        raise ValueError(f"`{name}` must be one number, got shape {number.shape}")
    return number.item()


def _array(name: str, value: Any, *, rank: int) -> np.ndarray:
    array = _numbers(name, value).astype(np.float32)
    if array.ndim != rank:
        raise ValueError(f"`{name}` must have {rank} dimensions, got shape {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"`{name}` must not be empty, got shape {array.shape}")
    return array


def _numbers(name: str, value: Any) -> np.ndarray:
    """Return the value as a real NumPy array; asarray alone would also take strings and complex."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.asarray(None)
    if not np.can_cast(array.dtype, np.float64, casting="same_kind"):
        raise ValueError(f"`{name}` must be made of real numbers, got {value!r}")
    return array
