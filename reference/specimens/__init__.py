"""The specimens: faulty exercises, each wrong in one way, each with the law that must refute it."""

#: The modules that hold specimens. They are named, not found, so that a lost file is an error.
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

#: Faults that no law can tell from a correct exercise: each must be refuted by none.
ESCAPES = ("frostproof.reference.specimens.escapes",)
