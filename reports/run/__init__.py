"""Runs that judge subjects and gather their rows, from Python, the command line and pytest."""
