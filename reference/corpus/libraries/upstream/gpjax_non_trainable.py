"""To GPJax: `fit` decays what `paramax.non_trainable` wraps.

The optimizer is made of, and shown, all arrays of the model. A frozen one has a zero gradient,
which is not a freeze under adamw, lamb or lion. A partition with `is_leaf=lambda leaf:
isinstance(leaf, paramax.NonTrainable)` in `fit` would leave it out.

Fails with gpjax 1.0.0 (paramax 0.0.5, optax 0.2.8, jax 0.10.2).
"""

import equinox as eqx
import gpjax
import jax
import jax.numpy as jnp
import optax
import paramax

prior = gpjax.gps.Prior(
    mean_function=gpjax.mean_functions.Constant(), kernel=gpjax.kernels.RBF(lengthscale=0.5)
)
where = lambda model: model.prior.kernel.lengthscale  # noqa: E731
model = eqx.tree_at(where, prior * gpjax.likelihoods.Gaussian(), replace_fn=paramax.non_trainable)
x = jnp.linspace(0, 1, 20)[:, None]
fitted, _ = gpjax.fit(
    model=model, objective=lambda model, data: -gpjax.objectives.conjugate_mll(model, data),
    train_data=gpjax.Dataset(X=x, y=jnp.sin(6 * x)), num_iters=100, verbose=False,
    optim=optax.adamw(0.1, weight_decay=0.1),
)  # fmt: skip
expected, seen = (float(jax.tree.leaves(where(each))[0]) for each in (model, fitted))
print(f"expected: {expected:.6f} (unconstrained)\nseen: {seen:.6f}")
assert seen == expected, "a non-trainable length scale decays"
