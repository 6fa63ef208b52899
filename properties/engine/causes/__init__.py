"""Why a law fails, as far as a counterexample and other runs of its problem show."""
