#!/usr/bin/env bash
# GPJax 1.0.0 and FlowJAX 19.1.2: one wrapper of Paramax 0.0.5 freezes in one of them only.
#
# Expected: `paramax.non_trainable` is how both libraries freeze a parameter, so it means the same in
# the training function of each.
#
# What happens: the wrapper only stops the gradient where the parameter is unwrapped. FlowJAX's
# `fit_to_data` also takes it as a leaf that is divided off before the optimizer is made. GPJax's `fit`
# shows the optimizer all arrays, frozen ones with a zero gradient, and a weight decay needs no
# gradient: under adamw a frozen length scale shrinks with each iteration.
#
# For a freeze: ask not how a parameter is marked, but what the training function does with the mark.
# With GPJax use an optimizer without decay, or divide the model by `eqx.partition`.

packages=(gpjax==1.0.0 flowjax==19.1.2 paramax==0.0.5 equinox==0.13.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import equinox as eqx
import flowjax.distributions
import flowjax.flows
import flowjax.train
import gpjax
import jax
import jax.numpy as jnp
import optax
import paramax

jax.config.update("jax_enable_x64", True)
key, MEAN = jax.random.key(0), gpjax.mean_functions.Constant()


def kept(before, after):
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return all(bool(jnp.array_equal(*pair)) for pair in pairs)


def with_flowjax(optimizer):
    base = flowjax.distributions.Normal(jnp.ones(2))
    flow = flowjax.flows.masked_autoregressive_flow(key, base_dist=base, nn_width=4)
    flow = eqx.tree_at(lambda flow: flow.base_dist, flow, replace_fn=paramax.non_trainable)
    data = jax.random.normal(key, (40, 2))
    fitted, _ = flowjax.train.fit_to_data(
        key, flow, data, optimizer=optimizer, max_epochs=2, show_progress=False
    )
    arrays = [eqx.filter(each.base_dist, eqx.is_inexact_array) for each in (flow, fitted)]
    return kept(*arrays)


def with_gpjax(optimizer):
    x = jnp.linspace(0, 1, 20).reshape(-1, 1)
    prior = gpjax.gps.Prior(kernel=gpjax.kernels.RBF(lengthscale=0.5), mean_function=MEAN)
    model = eqx.tree_at(
        lambda model: model.prior.kernel.lengthscale,
        prior * gpjax.likelihoods.Gaussian(),
        replace_fn=paramax.non_trainable,
    )
    fitted, _ = gpjax.fit(
        model=model,
        objective=lambda model, data: -gpjax.objectives.conjugate_mll(model, data),
        train_data=gpjax.Dataset(X=x, y=jnp.sin(6 * x)),
        optim=optimizer,
        num_iters=3,
        verbose=False,
    )
    return kept(model.prior.kernel.lengthscale, fitted.prior.kernel.lengthscale)


for name, optimizer in {"adam": optax.adam(0.01), "adamw": optax.adamw(0.01)}.items():
    print(f"{name}: flowjax keeps it: {with_flowjax(optimizer)}, gpjax: {with_gpjax(optimizer)}")
PYTHON
)

expected=$(cat <<'TEXT'
adam: flowjax keeps it: True, gpjax: True
adamw: flowjax keeps it: True, gpjax: False
TEXT
)

. "$(dirname "$0")/judge.bash"
