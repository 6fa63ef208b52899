"""Hypothesis strategies for everything that a law draws.

Structure is drawn, and values are filled from a drawn seed: an array drawn element by element takes
twice the time and shrinks no better. Everything shrinks to the plainest problem.
"""
