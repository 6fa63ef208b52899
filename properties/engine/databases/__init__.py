"""Where failing examples are kept: under their own name, and shared by many machines."""
