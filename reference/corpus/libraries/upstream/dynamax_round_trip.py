"""To Dynamax: `fit_sgd` returns a frozen parameter that is not the one it was given.

All parameters are mapped to unconstrained ones and back, those with `trainable = False` as well,
and the way rounds. Under an optimizer that moves a leaf with a zero gradient (yogi) they drift
further. Frozen parameters could be left out of the unconstrained tree.

Fails with dynamax 1.0.3 (jax 0.10.2).
"""

import jax.numpy as jnp
import jax.random as jr
import optax
from dynamax.hidden_markov_model import GaussianHMM

model = GaussianHMM(3, 1)
params, props = model.initialize(jr.PRNGKey(0))
props.transitions.transition_matrix.trainable = False
data = jr.normal(jr.PRNGKey(1), (2, 10, 1))
moved = {}
for name in ("adam", "yogi"):
    optimizer = getattr(optax, name)(0.01)
    fitted, _ = model.fit_sgd(params, props, data, optimizer=optimizer, num_epochs=5)
    both = [each.transitions.transition_matrix for each in (params, fitted)]
    moved[name] = float(jnp.max(jnp.abs(both[0] - both[1])))

print("expected: the frozen matrix moves by 0\nseen:", moved)
assert not any(moved.values()), "a frozen parameter changed"
