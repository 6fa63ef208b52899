"""The specimens: faulty subjects, each wrong in one way, each with the law that must refute it."""

#: The modules that hold exercises. They are named, not found, so that a lost file is an error.
MODULES = (
    "frostproof.reference.corpus.specimens.exercises.answers",
    "frostproof.reference.corpus.specimens.exercises.freezing",
    "frostproof.reference.corpus.specimens.exercises.hidden_state",
    "frostproof.reference.corpus.specimens.exercises.inputs",
    "frostproof.reference.corpus.specimens.exercises.losses",
    "frostproof.reference.corpus.specimens.exercises.norms",
    "frostproof.reference.corpus.specimens.exercises.observed_updates",
    "frostproof.reference.corpus.specimens.exercises.rows",
    "frostproof.reference.corpus.specimens.exercises.seeds",
    "frostproof.reference.corpus.specimens.exercises.selection",
    "frostproof.reference.corpus.specimens.exercises.shapes",
)

#: The modules that hold Optax wrappers and trainers.
TRAINING_MODULES = (
    "frostproof.reference.corpus.specimens.wrappers.masks",
    "frostproof.reference.corpus.specimens.wrappers.transformations",
    "frostproof.reference.corpus.specimens.wrappers.algebra",
    "frostproof.reference.corpus.specimens.trainers.linen_models",
    "frostproof.reference.corpus.specimens.trainers.linen_updates",
    "frostproof.reference.corpus.specimens.trainers.trainer_losses",
    "frostproof.reference.corpus.specimens.trainers.nnx_models",
    "frostproof.reference.corpus.specimens.trainers.foreign_models",
    "frostproof.reference.corpus.specimens.trainers.lifecycles",
    "frostproof.reference.corpus.specimens.trainers.faulty_references",
)

#: Faults that no law can tell from a correct subject: each must be refuted by none.
ESCAPES = ("frostproof.reference.corpus.specimens.exercises.escapes",)
