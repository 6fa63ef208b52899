"""A counterexample as a stand-alone program, which fails without frostproof's engine."""
