"""The command `frostproof` and its subcommands."""
