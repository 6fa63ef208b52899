"""What a user may name as a target, and the one line that says why it cannot be judged."""

#: The words of `--as`.
KINDS = ("linen", "nnx", "optax", "trainer")


class UnusableTarget(ValueError):
    """A target that cannot be judged: one line that names it, what is wrong, and what to do."""

    def __init__(self, target: str, reason: str):
        self.reason = " ".join(reason.split())
        super().__init__(f"{target}: {self.reason}")
