"""The reference trainers: each freezing technique in Linen and in NNX."""
