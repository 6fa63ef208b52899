"""Where problems come from: Hypothesis strategies for everything that a law draws.

Structure is drawn, values are filled from a drawn seed: an array drawn element by element costs
twice the time and shrinks no better. Everything shrinks to the plainest problem.
"""
