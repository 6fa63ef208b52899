#!/usr/bin/env bash
# bijx 1.3.2 and FlowJAX 19.1.2: what bijx holds constant trains once `to_flowjax` handed it over: a `Const`, a
# `Frozen` bijection, and a Gaussian of a given covariance, which is constant by default. It still says `Const`.
#
# Expected: `bijx.Const` says that "a parameter should remain fixed during optimization", `Frozen` screens "internal
# parameters from training", and the module of `to_flowjax` promises to integrate both libraries seamlessly.
# FlowJAX has something for it, too: `paramax.non_trainable`, which `fit_to_data` leaves out.
#
# What happens: in NNX the class of a variable, or its path, says whether it trains, and it says so to filters alone.
# `BijxToFlowjaxBijection.from_bijection` (flowjax.py) splits the bijection into its graph and one State, both of
# them fields of an Equinox module. `fit_to_data` divides that by `eqx.is_inexact_array`, for which a Const is an
# array as any other; nothing becomes a `NonTrainable`. On the way back `bijx_bijection` merges new values into the
# old classes, so that `nnx.state(model, FrozenFilter)` answers the trained constants as constants.
#
# For a freeze: a scale that is fixed by physics, a pretrained layer, or the covariance of the data trains along,
# and the loss is the lower for it. Convert what is frozen by itself and mark it there, as at the end of the program:
# `paramax.non_trainable(to_flowjax(frozen, shape))` in a `flowjax.bijections.Chain`.

packages=(bijx==1.3.2 flowjax==19.1.2 paramax==0.0.5 equinox==0.13.8 diffrax==0.7.2 flax==0.12.8 optax==0.2.8 chex==0.1.92 orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import bijx
import flowjax.bijections
import flowjax.distributions
import flowjax.train
import jax
import jax.numpy as jnp
import paramax
from bijx.flowjax import to_flowjax
from flax import nnx

data = 3 + 2 * jax.random.normal(jax.random.key(0), (500, 2))
normal = flowjax.distributions.Normal(jnp.zeros(2))


def fit(distribution):
    """What FlowJAX makes of a distribution with the data."""
    return flowjax.train.fit_to_data(
        jax.random.key(1), distribution, data, learning_rate=0.1, max_epochs=20, show_progress=False
    )[0]


def affine(scale, shift):
    return bijx.AffineLinear(scale=scale(jnp.array(0.5)), shift=shift(jnp.array(1.0)), rngs=nnx.Rngs(0))


def report(name, before, after):
    print(name)
    for title, of_these in (("frozen by bijx", bijx.FrozenFilter), ("trained", nnx.Not(bijx.FrozenFilter))):
        old, new = (dict(nnx.to_flat_state(nnx.state(model, of_these))) for model in (before, after))
        for path, variable in old.items():
            moved = bool((variable[...] != new[path][...]).any())
            print(f"  {title}: {'.'.join(map(str, path))}, {type(new[path]).__name__}, moves: {moved}")


def flow(bijection):
    return flowjax.distributions.Transformed(normal, bijection)


constant_scale = affine(bijx.Const, nnx.Param)
fitted = fit(flow(to_flowjax(constant_scale, (2,))))
report("a constant scale", constant_scale, fitted.bijection.bijx_bijection)

chain = bijx.Chain(bijx.Frozen(affine(nnx.Param, nnx.Param)), affine(nnx.Param, nnx.Param))
fitted = fit(flow(to_flowjax(chain, (2,))))
report("a frozen bijection in a chain", chain, fitted.bijection.bijx_bijection)

gaussian = bijx.MultivariateNormal.given_cov(jnp.zeros(2), jnp.eye(2))
report("a Gaussian of a given covariance", gaussian, fit(to_flowjax(gaussian, (2,))).bijx_dist)

parts = bijx.Frozen(affine(nnx.Param, nnx.Param)), affine(nnx.Param, nnx.Param)
first, second = (to_flowjax(part, (2,)) for part in parts)
fitted = paramax.unwrap(fit(flow(flowjax.bijections.Chain([paramax.non_trainable(first), second]))))
for part, after in zip(parts, fitted.bijection.bijections):
    report("converted by itself", part, after.bijx_bijection)
PYTHON
)

expected=$(cat <<'TEXT'
a constant scale
  frozen by bijx: scale.param, Const, moves: True
  trained: shift.param, Param, moves: True
a frozen bijection in a chain
  frozen by bijx: bijections.0.frozen.scale.param, Param, moves: True
  frozen by bijx: bijections.0.frozen.shift.param, Param, moves: True
  trained: bijections.1.scale.param, Param, moves: True
  trained: bijections.1.shift.param, Param, moves: True
a Gaussian of a given covariance
  frozen by bijx: cholesky, Const, moves: True
  frozen by bijx: mean, Const, moves: True
converted by itself
  frozen by bijx: frozen.scale.param, Param, moves: False
  frozen by bijx: frozen.shift.param, Param, moves: False
converted by itself
  trained: scale.param, Param, moves: True
  trained: shift.param, Param, moves: True
TEXT
)

. "$(dirname "$0")/judge.bash"
