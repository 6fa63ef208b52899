"""Code that freezes as it should: the reference trainers and wrappers, and their names."""
