"""To Dynamax: `fit_sgd` makes NaN of all parameters where a frozen matrix has a zero.

The softmax bijector divides by the last entry of a row, which is the zero. A left-to-right model,
whose zeros are meant, can be evaluated, but not fitted by `fit_sgd`, although its matrix is
frozen. Frozen parameters could be left out of the unconstrained tree.

Fails with dynamax 1.0.3 (jax 0.10.2).
"""

import jax.numpy as jnp
import jax.random as jr
from dynamax.hidden_markov_model import GaussianHMM

model = GaussianHMM(3, 1)
matrix = jnp.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]])
params, props = model.initialize(jr.PRNGKey(0), transition_matrix=matrix)
props.transitions.transition_matrix.trainable = False
data = jr.normal(jr.PRNGKey(1), (2, 10, 1))
fitted, _ = model.fit_sgd(params, props, data, num_epochs=1)

seen = fitted.transitions.transition_matrix
print(f"expected: the matrix as it was\nseen: {int(jnp.isnan(seen).sum())} of 9 entries are NaN")
assert jnp.isfinite(fitted.emissions.means).all(), "a frozen zero makes the means NaN"
