#!/usr/bin/env bash
# Dynamax 1.0.3: `fit_sgd` turns a frozen transition matrix that has a zero into NaN.
#
# Expected: `trainable = False` leaves a parameter out. A matrix with zeros is a common reason to
# freeze: in a left-to-right chain they say which states cannot follow, and a softmax cannot reach
# them. The model itself is fine with them, its likelihood is finite.
#
# What happens: `fit_sgd` maps all parameters to unconstrained ones, frozen or not, and back again,
# with the gradient of the frozen ones stopped. The softmax takes the last entry of a row for its
# scale. Where that is zero, as it is in the first row of a chain of three states, the row comes back
# as NaN, and the likelihood, all gradients and all other parameters are NaN after the first step.
# Without a zero the way there and back still costs an ulp: the frozen matrix is not the one that was
# given. `fit_em` goes no such way, and keeps it.
#
# For a freeze: to put the matrix back afterwards does not help, since the loss is NaN, too. Write 1e-6
# for zero.

packages=(dynamax==1.0.3 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import jax.random as jr
import optax
from dynamax.hidden_markov_model import GaussianHMM

left_to_right = jnp.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]])
model = GaussianHMM(3, 1)
start, props = model.initialize(jr.PRNGKey(0), transition_matrix=left_to_right)
props.transitions.transition_matrix.trainable = False
data = jr.normal(jr.PRNGKey(1), (2, 10, 1))


def nan(params):
    counts = {
        "transition matrix": params.transitions.transition_matrix,
        "initial probabilities": params.initial.probs,
        "means": params.emissions.means,
    }
    return {name: int(jnp.isnan(value).sum()) for name, value in counts.items()}


print("before:", nan(start))
print("log probability is finite:", bool(jnp.isfinite(model.marginal_log_prob(start, data[0]))))
fitted, _ = model.fit_sgd(start, props, data, optimizer=optax.adam(0.01), num_epochs=2)
print("fit_sgd, NaN values:", nan(fitted))
PYTHON
)

expected=$(cat <<'TEXT'
before: {'transition matrix': 0, 'initial probabilities': 0, 'means': 0}
log probability is finite: True
fit_sgd, NaN values: {'transition matrix': 2, 'initial probabilities': 3, 'means': 3}
TEXT
)

. "$(dirname "$0")/judge.bash"
