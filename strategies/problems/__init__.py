"""Where problems come from: one strategy for each way in which a law draws them."""
