"""Faulty exercises."""
