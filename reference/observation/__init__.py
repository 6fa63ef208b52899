"""Runs a subject on a problem and observes it: trajectories of snapshots, and the x-ray's hooks."""
