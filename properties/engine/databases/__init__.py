"""Where failing examples are kept: under a name of their own, and shared by many machines."""
