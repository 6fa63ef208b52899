"""The law book, one file per family of laws. Reading it imports no JAX."""
