"""Proofs: what a traced step keeps for every input, by abstract interpretation of its jaxpr."""
