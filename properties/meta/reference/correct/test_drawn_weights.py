"""Weights that NumPy draws, for the reference networks of both APIs, are shaped as Flax's own."""

import jax
import numpy as np
import optax
import pytest

from frostproof.reference.correct.networks import nnx_network
from frostproof.reference.correct.networks.drawn_weights import drawn_weights
from frostproof.reference.correct.networks.linen_network import Network
from frostproof.reference.correct.trainers import linen_state
from frostproof.reference.problems.architecture_pool import EVERY, NORMALISED
from frostproof.reference.problems.batches import Batch
from frostproof.reference.pytrees.comparison import same_bits
from frostproof.reference.pytrees.paths import named_leaves

FEATURES = 3
#: The largest, which an int32 does not hold.
SEED = 2**32 - 1

every_architecture = pytest.mark.parametrize(
    "architecture", EVERY, ids=lambda architecture: architecture.layers[1].name
)


@every_architecture
def test_they_are_those_that_the_modules_ask_for(architecture):
    """Paths, shapes and dtypes of parameters and statistics are those of Flax's own."""

    def init(key):
        return Network(architecture).init(key, np.ones((2, FEATURES)), frozenset(), key)

    own = named_leaves(jax.eval_shape(init, jax.random.key(0)))
    drawn = drawn_weights(architecture, FEATURES, SEED)

    asked = {path[1:]: (leaf.shape, leaf.dtype) for path, leaf in own.items()}
    assert asked == {path: (leaf.shape, leaf.dtype) for path, leaf in drawn.items()}


@every_architecture
def test_both_apis_start_from_them(architecture):
    """Bit by bit, parameters and statistics alike."""
    batch = Batch(np.ones((2, FEATURES), np.float32), np.ones((2, 2), np.float32))
    state = linen_state.begin(architecture, SEED, batch, optax.sgd(0.1), compiled=True)
    model = nnx_network.initialise(architecture, FEATURES, SEED)

    one = named_leaves(state.params) | named_leaves(state.batch_stats or {})
    other = named_leaves(model)

    if architecture.is_noisy:
        assert np.asarray(other.pop(("noise",))).tolist() == [SEED, 0]
    drawn = drawn_weights(architecture, FEATURES, SEED)
    for leaves in (one, other):
        assert set(leaves) == set(drawn)
        assert all(same_bits(np.asarray(leaves[path]), np.asarray(drawn[path])) for path in drawn)


def test_kernels_hang_on_the_seed_and_all_else_does_not():
    """The variance of a kernel is 1 / inputs."""
    one, other = (drawn_weights(NORMALISED, 1000, seed) for seed in (0, 1))

    for path, leaf in one.items():
        if path[-1] == "kernel":
            assert (leaf != other[path]).all()
        else:
            assert (leaf == {"bias": 0, "mean": 0, "scale": 1, "var": 1}[path[-1]]).all()
    first = np.asarray(one["l1", "dense", "kernel"])
    # Of n normal draws the variance's own deviation is sqrt(2 / n) of it: here four of those.
    assert first.var() * 1000 == pytest.approx(1, abs=4 * np.sqrt(2 / first.size))
