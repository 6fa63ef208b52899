"""Correct trainers."""
