"""The references by name: what is judged where nobody names a target."""

EXERCISES = (
    "frostproof.reference.linen:freeze_first_dense",
    "frostproof.reference.nnx:freeze_first_dense",
)

#: Each in Linen and in NNX.
TECHNIQUES = (
    "gradient_zeroing",
    "stop_gradient",
    "multi_transform",
    "freeze_in_chain",
    "trainable_subset",
    "restore_after_update",
)
TRAINERS = (
    *(f"frostproof.reference.correct.trainers.linen_techniques:{name}" for name in TECHNIQUES),
    *(f"frostproof.reference.correct.trainers.nnx_techniques:{name}" for name in TECHNIQUES),
)

WRAPPERS = (
    "frostproof.reference.correct.wrappers:partition_with_set_to_zero",
    "frostproof.reference.correct.wrappers:selective_transform",
    "frostproof.reference.correct.wrappers:freeze_after_optimizer",
    "frostproof.reference.correct.wrappers:freeze_before_optimizer",
)

REFERENCES = (*EXERCISES, *TRAINERS, *WRAPPERS)
