"""What goes wrong with a frozen leaf, each once: what it does, and how it is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np

ENCODER = ("params", "encoder", "kernel")
OTHER = ("params", "encoder", "other")
HEAD = ("params", "head", "kernel")
AVERAGE = ("ema", "params", "encoder", "kernel")
FROZEN = ("params/encoder",)


def weights():
    """Return what is there before: two frozen leaves, a trainable one, and averages."""
    random = np.random.default_rng(3)
    kernel = random.standard_normal((48, 40)).astype(np.float32)
    return {
        ENCODER: kernel,
        OTHER: random.standard_normal((48, 40)).astype(np.float32),
        HEAD: random.standard_normal((40, 2)).astype(np.float32),
        AVERAGE: kernel.copy(),
    }


def trained(tree):
    """Return what a correct run makes of it: the head moves, nothing else does."""
    return tree | {HEAD: tree[HEAD] - np.float32(0.01) * np.sign(tree[HEAD])}


@dataclass(frozen=True)
class Fault:
    """A fault, the law that has to be refuted by it, and what its message says."""

    apply: Callable[[dict], dict]
    law: str
    says: str


def _decayed(tree):
    return tree | {ENCODER: tree[ENCODER] * np.float32(1 - 1e-3)}


def _averaged(tree):
    """An average of the frozen leaf that a trainer keeps in bfloat16, and serves instead of it."""
    average = tree[ENCODER].astype(ml_dtypes.bfloat16)
    decay = np.array(0.99, ml_dtypes.bfloat16)
    for _ in range(20):
        rest = (np.array(1, decay.dtype) - decay) * tree[ENCODER].astype(decay.dtype)
        average = (decay * average + rest).astype(decay.dtype)
    return tree | {ENCODER: average.astype(np.float32)}


def _copy_drifts(tree):
    return tree | {AVERAGE: _averaged(tree)[ENCODER]}


def _adapter_merged(tree):
    random = np.random.default_rng(5)
    low, high = random.standard_normal((48, 3)), random.standard_normal((3, 40))
    return tree | {ENCODER: tree[ENCODER] + (0.1 * low @ high).astype(np.float32)}


def _swapped(tree):
    return tree | {ENCODER: tree[OTHER], OTHER: tree[ENCODER]}


def _cast(tree):
    half = tree[ENCODER].astype(ml_dtypes.bfloat16)
    return tree | {ENCODER: half.astype(np.float32)}


def _one_ulp(tree):
    kernel = tree[ENCODER].copy()
    kernel[17, 4] = np.nextafter(kernel[17, 4], np.float32(np.inf))
    return tree | {ENCODER: kernel}


def _nothing_trained(tree):
    return tree | {HEAD: weights()[HEAD]}


def _renamed(tree):
    return {(("params", "encoder", "weight") if path == ENCODER else path): array
            for path, array in tree.items()}  # fmt: skip


def _permuted(tree):
    return tree | {ENCODER: np.ascontiguousarray(tree[ENCODER][::-1])}


def _flipped(tree):
    return tree | {ENCODER: -tree[ENCODER]}


FAULTS = {
    "decay": Fault(_decayed, "frozen-value", "multiplied by 1 − 0.001,"),
    "average in bfloat16": Fault(_averaged, "frozen-value", "bfloat16 numbers now: an average"),
    "copy drifts": Fault(_copy_drifts, "frozen-copies", "ema/params/encoder/kernel: a copy of"),
    "adapter merged": Fault(_adapter_merged, "frozen-value", "has rank 3, to within rounding"),
    "swapped": Fault(_swapped, "frozen-value", "was swapped with params/encoder/other"),
    "cast there and back": Fault(_cast, "frozen-value", "were cast to bfloat16 and back"),
    "one ulp": Fault(_one_ulp, "frozen-value", "(1 ulp), 1 of 1920 elements"),
    "nothing trained": Fault(
        _nothing_trained, "trainable-moves", "params/head/kernel: trainable leaf stayed"
    ),
    "renamed": Fault(_renamed, "frozen-structure", "it was params/encoder/kernel before: renamed"),
    "permuted": Fault(_permuted, "frozen-value", "in other places: a permutation"),
    "signs flipped": Fault(_flipped, "frozen-value", "only signs are flipped"),
}
