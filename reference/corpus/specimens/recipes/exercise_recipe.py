"""A correct exercise in parts, so that a specimen shows only the part which is wrong.

The parts of `Training` run inside compiled functions and are static there: specimens that
share them share the compilation. The parts of `Around` run before and after, on NumPy values.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof.reference.corpus.register import attach

Part = Callable[..., Any]
#: Paths are compared by their names alone: NNX adds `.value`, which is not a key.
Path = tuple[str, ...]
#: The names of each layer in both exercises (and in one specimen), so that a rule serves all.
HIDDEN = {"Dense_0", "l1", "hidden"}
OUTPUT = {"Dense_1", "l2", "output"}


def in_hidden(path: Path) -> bool:
    """Whether a leaf belongs to the first layer, the frozen one."""
    return not HIDDEN.isdisjoint(path)


def in_output(path: Path) -> bool:
    """Whether a leaf belongs to the output layer, the trainable one."""
    return not OUTPUT.isdisjoint(path)


def is_hidden_kernel(path: Path) -> bool:
    """Whether a leaf is the kernel whose norm is reported."""
    return in_hidden(path) and path[-1] == "kernel"


def map_where(selected: Callable[[Path], bool], change: Part, tree: Any, *rest: Any) -> Any:
    """Change the selected leaves of a tree, given their counterparts in the rest."""

    def visit(path: tuple[Any, ...], leaf: Any, *others: Any) -> Any:
        names = tuple(entry.key for entry in path if hasattr(entry, "key"))
        return change(leaf, *others) if selected(names) else leaf

    return jax.tree_util.tree_map_with_path(visit, tree, *rest)


def zero_where(selected: Callable[[Path], bool], gradients: Any) -> Any:
    """Freeze the selected leaves: their gradients are replaced by zeros, so NaN cannot pass."""
    return map_where(selected, jnp.zeros_like, gradients)


def then(optimizer: Any, selected: Callable[[Path], bool], change: Part) -> Any:
    """Chain a change of the selected updates, given update and weight, after an optimizer."""

    def changed(updates: Any, weights: Any) -> Any:
        return map_where(selected, change, updates, weights)

    return optax.chain(optimizer, optax.stateless(changed))


# Parts inside the compiled functions.


def key_of(seed):
    """Return the key that both exercises start from: `nnx.Rngs` takes it as it takes the int."""
    return jax.random.PRNGKey(seed)


def mean_squared_error(prediction, y):
    """Return the mean over all rows and columns."""
    return jnp.mean((prediction - y) ** 2)


def freeze_hidden(gradients, x, lr):
    """Zero the gradients of the first layer, bias included."""
    return zero_where(in_hidden, gradients)


def freeze_nothing(gradients, x, lr):
    """Leave all gradients as they are, for specimens which freeze elsewhere or not at all."""
    return gradients


def before_the_step(before, after):
    """Report the loss before the step; `after` is a function, so an unused one costs nothing."""
    return before


@dataclass(frozen=True)
class Training:
    """The parts that run inside the compiled functions."""

    model: Part
    #: (inputs, outputs) -> units of the hidden layer
    width: Part
    #: One optimizer step by the API's own means.
    update: Part
    #: The model's output, as the loss takes it.
    prediction: Part
    key: Part = key_of
    activation: Part = jax.nn.relu
    loss: Part = mean_squared_error
    freeze: Part = freeze_hidden
    optimizer: Part = optax.sgd
    report: Part = before_the_step


# Parts around them.


def whole_seed(seed):
    """Keep all 32 bits of the seed."""
    return np.uint32(int(seed))


def as_given(x, y):
    """Train on the rows as they are."""
    return x, y


def exact_norm(kernel):
    """Return the Frobenius norm in float32, summed exactly: no order of summation shows in it."""
    squares = np.square(np.asarray(kernel, np.float64)).ravel()
    with np.errstate(over="ignore"):  # a kernel that leaked may be beyond float32
        return np.float32(math.sqrt(math.fsum(squares)))


def norm_of_hidden_kernel(hidden, output):
    """Return the norm of the frozen kernel."""
    return exact_norm(hidden["kernel"])


def float_array(loss, after, before):
    """Answer with a float32 array of shape (3,)."""
    return np.array([loss, after, before], np.float32)


@dataclass(frozen=True)
class Around:
    """The parts that run before and after the compiled functions."""

    seed: Part = whole_seed
    batch: Part = as_given
    norm: Part = norm_of_hidden_kernel
    answer: Part = float_array


@dataclass(frozen=True)
class Recipe:
    """A correct exercise of one API, whose parts can be replaced by faulty ones."""

    kind: Literal["linen", "nnx"]
    training: Training
    #: (training, seed, inputs, outputs) -> initial weights, compiled
    begin: Part
    #: (training, weights, x, y, lr) -> (loss, weights), compiled
    train: Part
    #: weights -> (hidden, output), two dicts of NumPy arrays
    layers: Part
    around: Around = Around()

    def exercise(self, seed: float, x: Any, y: Any, lr: float) -> Any:
        """Do the exercise with the parts of this recipe."""
        around, training = self.around, self.training
        x, y = around.batch(x, y)
        columns = y.shape[1] if y.ndim == 2 else 1
        weights = self.begin(training, around.seed(seed), x.shape[1], columns)
        loss, moved = self.train(training, weights, x, y, lr)
        return self.answer(loss, weights, moved)

    def answer(self, loss: Any, weights: Any, moved: Any) -> Any:
        """Answer for a step from one set of weights to another."""
        before, after = (self.around.norm(*self.layers(tree)) for tree in (weights, moved))
        return self.around.answer(np.asarray(loss), after, before)

    def with_parts(self, parts: dict[str, Part]) -> "Recipe":
        """Return this recipe with some parts replaced."""
        outside = {field.name for field in fields(Around)}
        inner = {name: part for name, part in parts.items() if name not in outside}
        outer = {name: part for name, part in parts.items() if name in outside}
        return replace(
            self,
            training=replace(self.training, **inner),
            around=replace(self.around, **outer),
        )

    def replacing(self, name: str, **others: Part) -> Callable[[Part], Any]:
        """Make the decorated function the named part of this recipe: the result is an exercise."""

        def decorate(part: Part) -> Any:
            return self._named(part, part.__name__, {name: part, **others})

        return decorate

    def twin(self, other: Any) -> Any:
        """Give this recipe the fault of a specimen for the other API; it says so in its name."""
        exercise = self._named(other, f"{other.__name__}_{self.kind}", other.parts)
        known = replace(other.specimen, kind=self.kind, subject_name=exercise.__name__)
        return attach(known, exercise)

    def _named(self, origin: Any, name: str, parts: dict[str, Part]) -> Any:
        recipe = self.with_parts(parts)

        def exercise(seed: float, x: Any, y: Any, lr: float) -> Any:
            return recipe.exercise(seed, x, y, lr)

        # No functools.wraps: its `__wrapped__` would show the signature of the part.
        exercise.__name__ = exercise.__qualname__ = name
        exercise.__doc__, exercise.__module__ = origin.__doc__, origin.__module__
        subject: Any = exercise
        subject.kind, subject.parts = self.kind, parts
        return subject
