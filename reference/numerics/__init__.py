"""How far floating-point arithmetic may be off from the real numbers.

`error_bounds` carries an absolute error bound beside a float64 value: take it for sums and
products, whose bound follows from the number of roundings (losses, norms, gradients). `intervals`
carries both ends: take it where a formula divides, takes roots or compares (an optimizer's step).
"""
