"""Faulty trainers whose frozen leaves are not those of the checkpoint that is meant."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from frostproof import Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe

SGD = Optimizers("sgd")
_draw = np.random.default_rng(3).standard_normal
BLOCKS = tuple(f"block_{number}" for number in (1, 2, 10))
WEIGHTS = [{"kernel": _draw((4, 4), "f"), "bias": _draw(4, "f")} for _ in BLOCKS]


@specimen(law="frozen-initial", seen="checkpoints that are read into layers sorted by their names")
def blocks_in_the_order_of_their_names():
    """The third block is read into the second, since `block_10` sorts before `block_2`."""
    model = linen.Layers(names=("stem", *BLOCKS, "head"))
    initialised = linen.creating(
        model, lambda optimizer: linen.partitioned(optimizer, linen.within(BLOCKS))
    )

    def create(seed, batch, optimizer):
        state = initialised(seed, batch, optimizer)
        read = zip(sorted(BLOCKS), WEIGHTS, strict=True)
        blocks = {name: {k: jnp.asarray(v) for k, v in block.items()} for name, block in read}
        return state.replace(params=state.params | blocks)

    initial = dict(zip(BLOCKS, WEIGHTS, strict=True))
    return linen.trainer(BLOCKS, model, create, optimizers=SGD, initial=initial)


@specimen(law="frozen-initial", seen="`nnx.state(model)`, a copy, of which nothing is put back")
def checkpoint_read_into_a_copy():
    """The checkpoint is read into what `nnx.split` returned, and the module keeps its own."""
    initial = {"l2": {"kernel": _draw((4, 1), "f"), "bias": _draw(1, "f")}}
    initialised = nnx_recipe.creating(wrt=nnx_recipe.all_but("l2"))

    def create(seed, batch, optimizer):
        model, optimizer = initialised(seed, batch, optimizer)
        _, state = nnx.split(model)
        nnx.replace_by_pure_dict(state, {"l2": initial["l2"]})
        return model, optimizer

    rest = nnx_recipe.all_but("l2")
    return nnx_recipe.NnxTrainer(
        create, nnx_recipe.stepping(wrt=rest), frozen=("l2",), initial=initial, optimizers=SGD
    )
