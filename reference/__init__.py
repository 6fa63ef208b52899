"""What correct looks like: the contract, the two exercises, the NumPy oracle of both."""
