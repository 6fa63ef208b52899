"""Correct Optax wrappers."""
