#!/usr/bin/env bash
# Flax 0.12.8 with Orbax 0.12.8 or msgpack: the names under which a checkpoint of an NNX model has the layers of a list
# load into the model, and freeze nothing in it.
#
# Expected: to train all but what was pretrained, one takes the paths of the checkpoint, and leaves these out by a
# filter: `nnx.Not(lambda path, _: path in pretrained)`. The checkpoint has just been loaded under the same paths.
#
# What happens: a place in an `nnx.List` is an int in the paths of a module, and both formats write it as text: they
# give `("layers", "0", "kernel")` back for `("layers", 0, "kernel")`. `nnx.replace_by_pure_dict` makes ints of such
# keys again, and the weights arrive. A filter compares as Python does, and "0" is not 0: it matches nothing, and a
# filter that matches nothing is no error. So the optimizer is given all layers. `nnx.PathContains("0")` matches
# nothing as well, and with `exact=False` also layer 10.
#
# For a freeze: count what the filter matches, or make ints of the keys that are digits before a path is compared.

packages=(flax==0.12.8 orbax-checkpoint==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import tempfile
import warnings

import jax
import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx, serialization
from flax.traverse_util import flatten_dict

warnings.simplefilter("ignore")
DEPTH = 11


class Trunk(nnx.Module):
    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.layers = nnx.List([nnx.Linear(2, 2, rngs=rngs) for _ in range(DEPTH)])


class Model(Trunk):
    def __init__(self, seed):
        super().__init__(seed)
        self.head = nnx.Linear(2, 1, rngs=nnx.Rngs(seed))


def through_orbax(weights):
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(f"{folder}/trunk", weights)
        checkpointer.wait_until_finished()
        return checkpointer.restore(f"{folder}/trunk")


def through_msgpack(weights):
    return serialization.msgpack_restore(serialization.to_bytes(weights))


def leaves(tree):
    return len(jax.tree.leaves(tree))


pretrained = nnx.to_pure_dict(nnx.state(Trunk(0), nnx.Param))
for name, saved in (("Orbax", through_orbax(pretrained)), ("msgpack", through_msgpack(pretrained))):
    model = Model(1)
    state = nnx.state(model, nnx.Param)
    weights = nnx.to_pure_dict(state)
    nnx.replace_by_pure_dict(state, {"layers": saved["layers"], "head": weights["head"]})
    nnx.update(model, state)
    loaded = sum(
        np.array_equal(layer.kernel[...], pretrained["layers"][place]["kernel"])
        for place, layer in enumerate(model.layers)
    )
    paths = set(flatten_dict(saved))
    as_ints = {tuple(int(key) if key.isdigit() else key for key in path) for path in paths}
    print(f"{name}: layers that are loaded: {loaded} of {DEPTH}")
    for told, frozen in (("as they are", paths), ("with ints", as_ints)):
        trained = nnx.All(nnx.Param, nnx.Not(lambda path, _: path in frozen))
        moments = nnx.Optimizer(model, optax.trace(0.9), wrt=trained).opt_state
        print(f"  names {told}: the filter matches {leaves(nnx.state(model, lambda path, _: path in frozen))} of "
              f"{len(paths)} leaves, the optimizer trains {leaves(moments)} of {len(paths) + 2}")

for key, exact in ((0, True), ("0", True), ("0", False)):
    matched = nnx.to_flat_state(nnx.state(model, nnx.PathContains(key, exact=exact)))
    print(f"PathContains({key!r}, exact={exact}):", sorted({path[1] for path, _ in matched}))
PYTHON
)

expected=$(cat <<'TEXT'
Orbax: layers that are loaded: 11 of 11
  names as they are: the filter matches 0 of 22 leaves, the optimizer trains 24 of 24
  names with ints: the filter matches 22 of 22 leaves, the optimizer trains 2 of 24
msgpack: layers that are loaded: 11 of 11
  names as they are: the filter matches 0 of 22 leaves, the optimizer trains 24 of 24
  names with ints: the filter matches 22 of 22 leaves, the optimizer trains 2 of 24
PathContains(0, exact=True): [0]
PathContains('0', exact=True): []
PathContains('0', exact=False): [0, 10]
TEXT
)

. "$(dirname "$0")/judge.bash"
