"""Processes in which a user's code runs, and the client that watches them."""
