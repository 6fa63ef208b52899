"""The peers of a reference trainer, with which laws compare it."""

from __future__ import annotations

from .linen_techniques import TRAINERS as LINEN
from .nnx_techniques import TRAINERS as NNX
from .reference_trainer import ReferenceTrainer


def subset_of(reference: ReferenceTrainer) -> ReferenceTrainer:
    """Return the trainer of the same API whose optimizer is given the trainable leaves alone."""
    return next(
        each
        for each in (LINEN if reference.api == "linen" else NNX)
        if each.technique.name == "trainable subset"
    )


def counterpart_of(reference: ReferenceTrainer) -> ReferenceTrainer:
    """Return the trainer by the same technique in the other API."""
    others = NNX if reference.api == "linen" else LINEN
    return next(each for each in others if each.technique is reference.technique)
