"""Programs as the prover reads them: a traced step, and what stands where in it."""
