"""To Penzai: `StatefulTrainer` raises as soon as one parameter is not trainable.

`build` makes the optimizer's state of all parameters, `step` updates it by the gradients of the
trainable ones. Under sgd, which keeps nothing, it works. `build` should divide them as `step` does.

Fails with penzai 0.2.5 (optax 0.2.8, jax 0.10.2).
"""

import jax
import jax.numpy as jnp
import optax
from penzai import pz
from penzai.models import simple_mlp
from penzai.toolshed.basic_training import StatefulTrainer


def loss(*, model, state, rng, x):
    del rng
    return jnp.mean(model(x).unwrap("features") ** 2), state, {}


key = jax.random.key(0)
model = simple_mlp.MLP.from_config(name="mlp", init_base_rng=key, feature_sizes=[3, 1])
pz.unbind_params(model)[1][0].metadata["trainable"] = False
seen = "trains"
try:
    trainer = StatefulTrainer.build(key, model, optax.adam(0.1), loss)
    trainer.step(x=pz.nx.wrap(jnp.ones(3), "features"))
except ValueError as error:
    seen = f"ValueError, {str(error).splitlines()[0]}"
print(f"expected: trains\nseen: {seen}")
assert seen == "trains", "the optimizer's state counts the frozen parameter"
