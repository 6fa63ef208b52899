"""The pytest plugin: `--subject`, `@frostproof.laws`, one item per law and subject."""
