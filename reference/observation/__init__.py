"""How a subject is run and watched: what it did with a problem, as snapshots."""
