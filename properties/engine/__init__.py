"""The engine: runs one law on one subject, by Hypothesis, to a verdict."""
