"""Tries what a run does not show: what a subject can do, and whether a leaf matters to it."""
