"""Correct exercises."""
