#!/usr/bin/env bash
# OTT-JAX 0.6.0: with `pos_weights=False`, `W2NeuralDual` sets the negative weights of the potential f to zero
# after each step, whatever its optimizer freezes; with the default, frozen weights stay and f is another function.
#
# Expected: `pos_weights` is documented as "option to train networks with positive weights or regularizer": with
# False the weights of an ICNN may become negative, at the price of a penalty in the loss. Either way it is
# `optimizer_f` that changes f: under `optax.set_to_zero()` a potential that was fitted before stays, and
# only g is trained as its conjugate.
#
# What happens: the training loop (neural/methods/neuraldual.py) ends each step with `_clip_weights_icnn` of f,
# past the optimizer. After the first step the layers `w_zs` have no negative weight; g is not clipped, and
# stays where its optimizer freezes it. With the default, `pos_weights=True`, nothing is clipped: `setup` sets
# `neural_f.pos_weights = True` on the module that it was given, if an ICNN was made with its own default,
# False, and warns of it. From then on the same layers are `PositiveDense`, which reads the same parameters
# through a rectifier: every weight is the same to the bit, and the values of f are others.
#
# For a freeze: a test of the parameters finds the first and cannot find the second; compare the potential's
# values. Give both the ICNN and `W2NeuralDual` `pos_weights=True`: then weights and values stay.

packages=(ott-jax==0.6.0 diffrax==0.7.2 equinox==0.13.8 lineax==0.1.1 optimistix==0.1.0 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import warnings

import jax
import jax.numpy as jnp
import optax
from ott.neural.methods.neuraldual import W2NeuralDual
from ott.neural.networks.icnn import ICNN

points = jax.random.normal(jax.random.key(0), (16, 2))


def batches(seed, shift):
    for key in jax.random.split(jax.random.key(seed), 10):
        yield shift + jax.random.normal(key, (16, 2))


def potential(**how):
    return ICNN(dim_data=2, dim_hidden=[4, 4], init_fn=jax.nn.initializers.normal(0.5), **how)


def fit(network, frozen, **how):
    """Three steps of training with f or g frozen: which weights moved, and whether f and g are the same functions."""
    networks = {"f": potential(**network), "g": potential(**network)}
    fitted = {name: net.init(jax.random.key(1), points[0])["params"] for name, net in networks.items()}
    values = {name: jax.vmap(lambda x: net.apply({"params": fitted[name]}, x))(points)
              for name, net in networks.items()}
    rates = {name: optax.set_to_zero() if name == frozen else optax.adam(1e-3) for name in "fg"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dual = W2NeuralDual(2, networks["f"], networks["g"], rates["f"], rates["g"], num_train_iters=3,
                            conjugate_solver=None, amortization_loss="objective", **how)
    warned = any("positive weights" in str(warning.message) for warning in caught)
    dual.state_f = dual.state_f.replace(params=jax.tree.map(jnp.copy, fitted["f"]))
    dual.state_g = dual.state_g.replace(params=jax.tree.map(jnp.copy, fitted["g"]))
    dual(batches(2, 0.0), batches(3, 1.0), batches(4, 0.0), batches(5, 1.0))
    end = {"f": dual.state_f.params, "g": dual.state_g.params}[frozen]
    moved = [name for name in sorted(end) if not jax.tree.all(
        jax.tree.map(lambda a, b: bool((a == b).all()), end[name], fitted[frozen][name]))]
    now = jax.vmap(lambda x: networks[frozen].apply({"params": end}, x))(points)
    print(f"  {frozen} frozen: moved {', '.join(moved) or 'nothing'}; "
          f"negative weights in w_zs before {negative(fitted[frozen])} and after {negative(end)}; "
          f"the same values: {bool(jnp.allclose(now, values[frozen], rtol=1e-4))}; warned: {warned}")


def negative(params):
    return any(bool((params[name]["kernel"] < 0).any()) for name in params if name.startswith("w_zs"))


for network, how in (({}, {"pos_weights": False}), ({}, {}), ({"pos_weights": True}, {})):
    print(f"ICNN({network or ''}), W2NeuralDual({how or ''})")
    fit(network, "f", **how)
    fit(network, "g", **how)
PYTHON
)

expected=$(cat <<'TEXT'
ICNN(), W2NeuralDual({'pos_weights': False})
  f frozen: moved w_zs_0; negative weights in w_zs before True and after False; the same values: False; warned: False
  g frozen: moved nothing; negative weights in w_zs before True and after True; the same values: True; warned: False
ICNN(), W2NeuralDual()
  f frozen: moved nothing; negative weights in w_zs before True and after True; the same values: False; warned: True
  g frozen: moved nothing; negative weights in w_zs before True and after True; the same values: False; warned: True
ICNN({'pos_weights': True}), W2NeuralDual()
  f frozen: moved nothing; negative weights in w_zs before True and after True; the same values: True; warned: False
  g frozen: moved nothing; negative weights in w_zs before True and after True; the same values: True; warned: False
TEXT
)

. "$(dirname "$0")/judge.bash"
