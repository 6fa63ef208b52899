"""`python -m frostproof.reports.nightly`: judges a part of a night, and says how the night went."""
