"""Mutants that no program can tell from the module as it is, each with the reason."""

EQUIVALENT: dict[str, str] = {}
