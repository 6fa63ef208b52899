"""The public contract: what can be put under test, and how it is loaded and called."""
