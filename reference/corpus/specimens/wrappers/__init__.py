"""Faulty Optax wrappers."""
