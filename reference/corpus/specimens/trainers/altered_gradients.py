"""Faulty trainers that alter gradients before any optimizer has them, by those of frozen layers."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    mse,
    stepping,
    trainer,
)

SGD = Optimizers("sgd")
ISOLATED = ("selected", "value", "isolated")


@specimen(law="frozen-gradients-do-not-leak", seen="GradNorm-style code that balances two losses")
def head_follows_the_norm_of_all():
    """The step divides all gradients by their common norm, the body's included."""

    def normalised(grads):
        norm = optax.global_norm(grads)
        return jax.tree.map(lambda g: g / jnp.maximum(norm, 1e-6), grads)

    return trainer(step=stepping(gradients=normalised), optimizers=SGD, promise=ISOLATED)


@specimen(law="frozen-gradients-do-not-leak", seen="dynamic loss scaling in half precision")
def step_skipped_for_the_body():
    """A step is skipped where any gradient is not finite, be it one of the frozen body."""

    def checked(grads):
        finite = jnp.array([jnp.isfinite(g).all() for g in jax.tree.leaves(grads)]).all()
        return jax.tree.map(lambda g: jnp.where(finite, g, 0), grads)

    return trainer(step=stepping(gradients=checked), optimizers=SGD, promise=ISOLATED)


@specimen(law="frozen-gradients-do-not-leak", seen="differential privacy: each row is clipped")
def rows_clipped_by_all_layers():
    """Each row's gradient is pulled back by itself, and clipped by its norm over all layers."""

    def clipped(grads):
        norm = optax.global_norm(grads)
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, 0.1 / jnp.maximum(norm, 1e-6)), grads)

    @jax.jit
    def step(state, batch):
        def of_row(x, y):
            loss, pull_back = jax.vjp(
                lambda params: mse(state.apply_fn({"params": params}, x), y), state.params
            )
            return loss, clipped(*pull_back(jnp.ones_like(loss)))

        losses, grads = jax.vmap(of_row)(batch.x, batch.y)
        return state.apply_gradients(grads=jax.tree.map(lambda g: g.mean(0), grads)), losses.mean()

    return trainer(step=step, optimizers=SGD, promise=ISOLATED)


@specimen(law="frozen-gradients-do-not-leak", seen="sharpness-aware training of an adapter")
def sharpness_of_all_layers():
    """The loss is differentiated where all layers were moved uphill, the frozen one among them."""
    rest = nnx_recipe.all_but("l1")

    @nnx.jit
    def step(model, optimizer, batch):
        uphill = nnx.grad(nnx_recipe.mse)(model, batch)
        scale = 0.05 / jnp.maximum(optax.global_norm(uphill), 1e-6)
        graph, params = nnx.split(model)
        moved = jax.tree.map(lambda p, g: p + scale * g, params, uphill)
        value, grads = nnx.value_and_grad(nnx_recipe.mse, argnums=nnx.DiffState(0, rest))(
            nnx.merge(graph, moved), batch
        )
        optimizer.update(model, grads)
        return value

    return NnxTrainer(
        nnx_recipe.creating(wrt=rest), step, frozen=("l1",), optimizers=SGD, promise=ISOLATED
    )
