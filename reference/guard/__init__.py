"""Watching a run that is under way: fingerprints of leaves, and the guard that compares them."""
