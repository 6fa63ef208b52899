"""To Optax: `adam`, and all that is built on it, raises where a frozen leaf's gradient is None.

`sgd`, `rmsprop`, `adabelief`, `adamax` and `radam` leave such a leaf alone, and `scale_by_adam` has
`None if m is None else …` for it as well. Its last line spoils it: `optax.tree.cast_like(nu,
state.nu)` maps a tree with None over one that has an array there. `scale_by_lion` and
`scale_by_rss` (adagrad) raise likewise, at a `jax.tree.map` without `is_leaf`.

Equinox's example of frozen layers gives such gradients (`eqx.partition` and `eqx.filter_grad`), and
works only as long as nobody puts `adam` in the place of its `sgd`. patrick-kidger/equinox#908 was
about the same, and closed since an upgrade cured it.

Fails with optax 0.2.8.
"""

import jax.numpy as jnp
import optax

params = {"frozen": jnp.ones(2), "trained": jnp.ones(3)}
gradients = {"frozen": None, "trained": jnp.ones(3)}
raised = {}
for name in ("sgd", "rmsprop", "adabelief", "adam", "adamw", "lamb", "adagrad", "lion"):
    optimizer = getattr(optax, name)(0.1)
    try:
        updates, state = optimizer.update(gradients, optimizer.init(params), params)
        assert updates["frozen"] is None
    except ValueError as error:
        raised[name] = error

print("expected: every optimizer answers None for None")
print(f"seen: ValueError by {', '.join(raised) or 'none'}")
assert not raised, f"a gradient of None is too much for {', '.join(raised)}"
