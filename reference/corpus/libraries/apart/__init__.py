"""Recipes of libraries that need an environment of their own."""
