"""To Flax: `examples/nnx_toy_examples/09_parameter_surgery.py` trains what it means to freeze.

Its comment asks for "all the parameters that are not part of the backbone, i.e. the classifier
parameters". Its filter says `'backbone' in path`, so that `trainable_params` holds the pretrained
backbone, and `non_trainable` the new head: whoever trains by it destroys the one and keeps the
other at random. `'backbone' not in path` is meant.

Fails with the example as it stands (seen at google/flax 18f8f311) and flax 0.12.8.
"""

from flax import nnx


class Classifier(nnx.Module):
    """The example's classifier, smaller."""

    def __init__(self, *, rngs):
        """Make the layers."""
        self.backbone = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        self.head = nnx.Linear(3, 2, rngs=rngs)


model = Classifier(rngs=nnx.Rngs(42))

# As in the example, to the letter.
is_trainable = lambda path, node: (  # noqa: E731
  'backbone' in path and isinstance(node, nnx.Param)
)  # fmt: skip
graphdef, trainable_params, non_trainable = nnx.split(model, is_trainable, ...)

print("expected: trainable_params head, non_trainable backbone")
print("seen: trainable_params", *trainable_params, end=", ")
print("non_trainable", *non_trainable)
assert set(trainable_params) == {"head"}, "the backbone is what trains, and the head is frozen"
