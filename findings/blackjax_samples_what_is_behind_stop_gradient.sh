#!/usr/bin/env bash
# BlackJAX 1.7.1: a parameter behind `stop_gradient` is sampled from its full posterior by HMC, NUTS and MALA;
# `sgld` lets it wander off, and `meanfield_vi` forgets its value and widens it without end.
#
# Expected: these methods are driven by gradients, so that a parameter without one stays where it starts, as
# under an optimizer. Or, since noise is added, it is at least sampled wrongly: its density is not seen.
#
# What happens: only the value of the density decides what HMC accepts, and `stop_gradient` leaves values
# alone. The gradient steers the proposal, and any function of the position in its place keeps the leapfrog
# step reversible and of volume one (`velocity_verlet` in mcmc/integrators.py). A momentum is drawn for the
# frozen parameter as for all, and it goes straight on by that. So the samples are right, for the whole
# model, and cost more: NUTS waits for a turn that a straight path never takes, so that every trajectory has
# its full length, and the step size that `window_adaptation` finds is hundreds of times smaller.
# `sgld` accepts everything, and its noise has nothing to pull it back. `meanfield_vi` begins at zero for
# all parameters, whatever the position (`init` in vi/meanfield_vi.py), and the entropy alone moves the rest.
#
# For a freeze: "the backbone is frozen, the head is Bayesian" by `stop_gradient` samples the backbone, too,
# or draws it from a normal distribution of any width, and nothing says so. `value_and_grad` shows zeros all
# the time. Close over what is frozen, and hand the sampler a position that holds the rest alone.

packages=(blackjax==1.7.1 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import blackjax
import jax
import jax.numpy as jnp
import optax

start = {"frozen": jnp.array(5.0), "free": jnp.array(0.0)}


def trained(position):
    return -0.5 * position["free"] ** 2 - 0.5 * ((position["frozen"] - 1.0) / 2.0) ** 2


def density(position):
    return trained({**position, "frozen": jax.lax.stop_gradient(position["frozen"])})


def walk(step, state, count):
    """Returns the last state, and the frozen parameter at each step."""

    def one(state, key):
        state = step(key, state)
        return state, getattr(state, "position", state)["frozen"]

    return jax.lax.scan(one, state, jax.random.split(jax.random.key(0), count))


def step_size(density):
    warmup = blackjax.window_adaptation(blackjax.nuts, density)
    found, _ = warmup.run(jax.random.key(1), start, 1000)
    return found.parameters["step_size"]


print("its gradient:", jax.grad(density)(start)["frozen"])
metric = {"step_size": 0.5, "inverse_mass_matrix": jnp.ones(2)}
samplers = {
    "hmc": blackjax.hmc(density, num_integration_steps=5, **metric),
    "nuts": blackjax.nuts(density, **metric),
    "mala": blackjax.mala(density, 0.5),
}
for name, sampler in samplers.items():
    step = sampler.step
    _, frozen = walk(lambda key, state: step(key, state)[0], sampler.init(start), 50_000)
    right = abs(frozen.mean() - 1) < 0.2 and abs(frozen.std() - 2) < 0.2
    print(f"{name}: it has mean 1 and deviation 2, as the density says:", bool(right))
ratio = step_size(trained) / step_size(density)
print("the step size of nuts is less than a hundredth:", bool(ratio > 100))

sgld = blackjax.sgld(lambda position, batch: jax.grad(density)(position))
_, frozen = walk(lambda key, state: sgld.step(key, state, None, 0.01), start, 100_000)
print("sgld: it comes further from its start than 20:", bool(abs(frozen - 5).max() > 20))

guide = blackjax.meanfield_vi(density, optax.adam(0.01), num_samples=20)
state = guide.init(start)
print("meanfield_vi: it begins at", state.mu["frozen"])
state, _ = jax.lax.scan(
    lambda state, key: guide.step(key, state), state, jax.random.split(jax.random.key(0), 3000)
)
print("meanfield_vi: its deviation is over a million:", bool(jnp.exp(state.rho["frozen"]) > 1e6))
print("meanfield_vi: the other's is", round(float(jnp.exp(state.rho["free"])), 1))
PYTHON
)

expected=$(cat <<'TEXT'
its gradient: 0.0
hmc: it has mean 1 and deviation 2, as the density says: True
nuts: it has mean 1 and deviation 2, as the density says: True
mala: it has mean 1 and deviation 2, as the density says: True
the step size of nuts is less than a hundredth: True
sgld: it comes further from its start than 20: True
meanfield_vi: it begins at 0.0
meanfield_vi: its deviation is over a million: True
meanfield_vi: the other's is 1.0
TEXT
)

. "$(dirname "$0")/judge.bash"
