"""Pytrees in NumPy: paths of leaves, bit-exact snapshots, comparisons, and one assertion on them."""
