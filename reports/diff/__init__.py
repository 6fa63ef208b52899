"""`frostproof diff`: two checkpoints, leaf by leaf, on the terminal, as JSON and as a page."""
