"""Independent NumPy computations; none imports the program that it judges."""
