"""Recipes of libraries that need their own environment."""
