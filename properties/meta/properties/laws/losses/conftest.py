"""What tests of the laws of losses share: a trainer that declares its loss."""

import pytest

from frostproof import Optimizers
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import predict, trainer


@pytest.fixture
def plain():
    """A trainer whose loss is that of `predict`, declared as such."""
    return trainer(predict=predict, loss="mse", optimizers=Optimizers("sgd"))
