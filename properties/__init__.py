"""The law book, one file per family, and the engine that runs a law on a subject."""
