"""The specimens: faulty subjects, each wrong in one way, each with the law that must refute it."""

#: The modules that hold exercises. They are named, not found, so that a lost file is an error.
MODULES = (
    "frostproof.reference.specimens.answers",
    "frostproof.reference.specimens.freezing",
    "frostproof.reference.specimens.hidden_state",
    "frostproof.reference.specimens.inputs",
    "frostproof.reference.specimens.losses",
    "frostproof.reference.specimens.norms",
    "frostproof.reference.specimens.observed",
    "frostproof.reference.specimens.rows",
    "frostproof.reference.specimens.seeds",
    "frostproof.reference.specimens.selection",
    "frostproof.reference.specimens.shapes",
)

#: The modules that hold Optax wrappers and trainers.
TRAINING_MODULES = (
    "frostproof.reference.specimens.optax_wrappers",
    "frostproof.reference.specimens.optax_transformations",
    "frostproof.reference.specimens.optax_algebra",
    "frostproof.reference.specimens.linen_trainers",
    "frostproof.reference.specimens.linen_steps",
    "frostproof.reference.specimens.linen_trainer_losses",
    "frostproof.reference.specimens.nnx_trainers",
    "frostproof.reference.specimens.own_models",
    "frostproof.reference.specimens.lifecycles",
    "frostproof.reference.specimens.reference_trainers",
)

#: Faults that no law can tell from a correct subject: each must be refuted by none.
ESCAPES = ("frostproof.reference.specimens.escapes",)
