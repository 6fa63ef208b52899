"""Faulty trainers."""
