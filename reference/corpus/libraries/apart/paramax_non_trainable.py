"""GPJax and FlowJAX: `paramax.non_trainable`, and the training function of each.

https://docs.jaxgaussianprocesses.com/ and
https://danielward27.github.io/flowjax/examples/arnio_faq.html#freezing-parameters
"""

import equinox as eqx
import flax
import flowjax.distributions
import flowjax.flows
import flowjax.train
import gpjax
import jax
import jax.numpy as jnp
import optax
import paramax

from frostproof import LinenTrainer, Optimizers


class State(flax.struct.PyTreeNode):
    """A model, and the optimizer that each fit starts afresh."""

    params: object
    tx: optax.GradientTransformation = flax.struct.field(pytree_node=False)


# GPJax.

DATA = gpjax.Dataset(
    X=jnp.linspace(0, 1, 8)[:, None], y=jnp.sin(6 * jnp.linspace(0, 1, 8))[:, None]
)


def regression(seed, batch, optimizer):
    """Return a Gaussian process whose length scale is frozen."""
    del batch
    start = 0.5 + 0.1 * jax.random.uniform(jax.random.key(seed))
    prior = gpjax.gps.Prior(
        mean_function=gpjax.mean_functions.Constant(1.0),
        kernel=gpjax.kernels.RBF(lengthscale=start),
    )
    model = eqx.tree_at(
        lambda model: model.prior.kernel.lengthscale,
        prior * gpjax.likelihoods.Gaussian(),
        replace_fn=paramax.non_trainable,
    )
    return State(model, optimizer)


def fitted(state, objective):
    """Fit by one iteration."""
    model, losses = gpjax.fit(
        model=state.params,
        objective=objective,
        train_data=DATA,
        optim=state.tx,
        num_iters=1,
        verbose=False,
    )
    return state.replace(params=model), losses[-1]


def negative_likelihood(model, data):
    """Return what is minimised."""
    return -gpjax.objectives.conjugate_mll(model, data)


def fit(state, batch):
    """Fit by the likelihood."""
    del batch
    return fitted(state, negative_likelihood)


def fit_trainable_half(state, batch):
    """Fit the half of the model that trains; the other is a constant of the objective."""
    del batch
    trained, frozen = eqx.partition(
        state.params,
        eqx.is_inexact_array,
        is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable),
    )
    half, loss = fitted(
        state.replace(params=trained),
        lambda model, data: negative_likelihood(eqx.combine(model, frozen), data),
    )
    return state.replace(params=eqx.combine(half.params, frozen)), loss


LENGTHSCALE = ("prior/kernel/lengthscale",)
# At a rate of 1 the likelihood of a Gaussian process is soon NaN.
_slow = {"optimizers": Optimizers("adamw", "adam", "sgd", rates=(0.01,))}
gpjax_fit = LinenTrainer(regression, fit, LENGTHSCALE, **_slow)
gpjax_fit_half = LinenTrainer(regression, fit_trainable_half, LENGTHSCALE, **_slow)

# FlowJAX.

SAMPLE = jax.random.normal(jax.random.key(0), (16, 2))


def flow(seed, batch, optimizer):
    """Return a flow whose base distribution is frozen."""
    del batch
    model = flowjax.flows.coupling_flow(
        jax.random.key(seed),
        base_dist=flowjax.distributions.Normal(jnp.ones(2)),
        flow_layers=1,
        nn_width=4,
    )
    model = eqx.tree_at(lambda model: model.base_dist, model, replace_fn=paramax.non_trainable)
    return State(model, optimizer)


def fit_flow(state, batch):
    """Fit for one epoch."""
    del batch
    model, losses = flowjax.train.fit_to_data(
        jax.random.key(0),
        state.params,
        SAMPLE,
        optimizer=state.tx,
        max_epochs=1,
        val_prop=0.5,
        show_progress=False,
    )
    return state.replace(params=model), losses["train"][-1]


def arrays(state):
    """Return the arrays of a flow, which has functions among its leaves."""
    return eqx.filter(state.params, eqx.is_array)


def with_arrays(state, params):
    """Put other arrays in place."""
    functions = eqx.filter(state.params, eqx.is_array, inverse=True)
    return state.replace(params=eqx.combine(params, functions))


flowjax_fit = LinenTrainer(flow, fit_flow, ("base_dist",), params=arrays, with_params=with_arrays)
