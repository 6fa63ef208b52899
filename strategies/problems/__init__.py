"""Draws problems: one strategy per way in which laws draw them."""
