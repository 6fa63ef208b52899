"""What laws are built of: requirements on numbers, leaves and pairs of runs."""
