"""Faulty programs, each wrong in one way, each with the law that must refute it."""
