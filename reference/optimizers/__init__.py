"""Optimizers as values: the catalogue of Optax, how one is built, recorded and perturbed."""
