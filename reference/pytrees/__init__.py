"""Pytrees in NumPy: paths of leaves, bit-exact snapshots, comparisons, one assertion on them."""
