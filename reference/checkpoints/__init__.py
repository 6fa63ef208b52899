"""Checkpoints on disk as named leaves that are read piece by piece, whatever format they are in.

`formats.open_checkpoint` tells the format from the files. Each format has one module, which leaves
the format itself to the library that owns it. Nothing is ever unpickled, and no name that a file
holds is used as the path of another file.
"""
