"""What other gradients tell of a program: of parts of arrays, and of leaves that it couples."""

import jax
import jax.numpy as jnp
import optax
import pytest
from flax.training.train_state import TrainState
from jax.flatten_util import ravel_pytree

from frostproof import LinenTrainer
from frostproof.properties.engine.causes.movement import moved_leaves, reasons_to_move
from frostproof.properties.engine.causes.replaced_gradients import is_part
from frostproof.properties.proofs.judging import explanation_of
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen_recipe
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import OwnOptimizer, as_optimizer, optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

SGD = optimizer("sgd")


def told(subject, steps, numbers="ordinary", under=None):
    """The first reason why the first leaf moves that does."""
    under = under or OwnOptimizer()
    problem = TrainingProblem(0, under, 2, 3, 0, ("step",) * steps, numbers=numbers)
    trajectory = run(subject, problem)
    step = next(step for step in trajectory.steps if moved_leaves(step))
    return next(reasons_to_move(subject, trajectory, step, moved_leaves(step)[0]))


def experts(optimizer, trains=1, frozen_from=2):
    """Two experts in one array, of which the first has a gradient in so many steps alone."""

    def create(seed, batch, _):
        weights = jax.random.normal(jax.random.key(seed), (2, batch.x.shape[1], 1))
        return TrainState.create(apply_fn=None, params={"experts": weights}, tx=optimizer)

    @jax.jit
    def step(state, batch):
        def loss(params):
            answers = jnp.einsum("nd,edo->no", batch.x, params["experts"])
            return linen_recipe.mse(answers, batch.y)

        value, grads = jax.value_and_grad(loss)(state.params)
        zeroed = grads["experts"].at[0].set(0.0)
        gone = jnp.where(state.step < trains, grads["experts"], zeroed)
        return state.apply_gradients(grads={"experts": gone}), value

    def params(state):
        return {"old": state.params["experts"][:1], "new": state.params["experts"][1:]}

    return LinenTrainer(
        create, step, frozen=lambda step: ("old",) if step >= frozen_from else (), params=params
    )


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        (experts(optax.adam(0.1)), "earlier gradients"),
        (experts(optax.add_decayed_weights(-0.1)), "decay"),
        (experts(optax.sgd(0.1), trains=2), "edge of a phase"),
        (experts(optax.sgd(0.1), trains=2, frozen_from=1), "missed"),
    ],
    ids=["momentum", "decay", "late", "missed"],
)
def test_what_moves_a_part_of_an_array_is_told(subject, kind):
    """No gradient goes by its name: that of the whole array is replaced."""
    assert told(subject, steps=2).kind == kind


def clipped(optimizer):
    return optax.chain(optax.clip_by_global_norm(1.0), optimizer)


def with_zeros_for_the_body(wrap):
    """Give zeros for the gradients of the body to an optimizer of the program."""
    create = linen_recipe.creating(linen_recipe.Layers(), lambda _: wrap(optax.sgd(0.1)))
    step = linen_recipe.stepping(linen_recipe.zeroing(linen_recipe.within(("body",))))
    return LinenTrainer(create, step, frozen=("body",))


def test_a_norm_of_all_gradients_is_told_of_an_optimizer_of_the_program():
    """`jnp.zeros_like` lets no NaN through, and a clip behind it makes one of a zero."""
    reason = told(with_zeros_for_the_body(clipped), 1, "nan")

    assert reason.kind == "overflow of zero"
    assert "couples leaves, as by the norm of all gradients" in reason.text


@pytest.mark.parametrize(
    ("shape", "whole", "part"),
    [
        ((2, 3), (5, 3), True),
        ((3,), (4, 3), True),
        ((3, 4), (3, 4), False),
        ((2, 3), (5, 4), False),
        ((5, 3), (2, 3), False),
        ((), (3,), True),
        ((5,), (2, 3), True),
        ((6,), (2, 3), False),
    ],
)
def test_a_part_is_a_layer_a_piece_or_a_choice(shape, whole, part):
    assert is_part(shape, whole) is part


def test_a_raw_gradient_is_told_under_an_optimizer_that_is_not_of_the_catalogue():
    """`optax.masked` hands it on, whatever the optimizer inside is."""

    def leaving_out(optimizer):
        return optax.masked(optimizer, {"body": False, "head": True})

    create = linen_recipe.creating(linen_recipe.Layers(), leaving_out)
    subject = LinenTrainer(create, linen_recipe.stepping(), frozen=("body",))

    reason = told(subject, 1, under=as_optimizer(optax.sgd(0.1)))

    assert reason.kind == "raw gradient"
    assert "`optax.masked` hands it on" in reason.text


def noisy(grads, params):
    """Clip gradients by the norm of all, and add noise to them, as for differential privacy."""
    del params
    factor = 1 / jnp.maximum(1.0, jnp.linalg.norm(ravel_pytree(grads)[0]))

    def with_noise(grad):
        # So many examples share a gradient: a product of matrices of which one may be infinite.
        clipped = jnp.einsum("n,n...->...", factor[None], grad[None])
        return clipped + 0.1 * jax.random.normal(jax.random.key(0), grad.shape)

    return jax.tree.map(with_noise, grads)


def decayed(grads, params):
    """Add a decay to all gradients, whose norm is clipped before."""
    factor = 1 / jnp.maximum(1.0, jnp.linalg.norm(ravel_pytree(grads)[0]))
    return jax.tree.map(lambda g, p: factor * g + 0.01 * p, grads, params)


def adding(added, stopped=True):
    """Return a trainer that adds to all gradients, that of a `stopped` body among them."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            body = jax.lax.stop_gradient(params["body"]) if stopped else params["body"]
            return linen_recipe.mse(
                state.apply_fn({"params": {**params, "body": body}}, batch.x), batch.y
            )

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=added(grads, state.params)), value

    return LinenTrainer(linen_recipe.creating(linen_recipe.Layers()), step, frozen=("body",))


@pytest.mark.parametrize(
    ("subject", "kind", "words", "moved_by"),
    [
        (adding(noisy), "added to zeros", "such as noise", "noise: "),
        (adding(decayed), "added to zeros", "a multiple of the weights", "its own value, as a dec"),
        (adding(noisy, stopped=False), "missed", "gets the gradient of the leaf", "its own grad"),
        (adding(decayed, stopped=False), "missed", "gets the gradient of the leaf", "its own grad"),
    ],
    ids=["noise", "decay", "noise beside a gradient", "decay beside a gradient"],
)
def test_what_is_added_to_a_gradient_of_zero_is_told_from_a_gradient(
    subject, kind, words, moved_by
):
    """The optimizer gets a number for the leaf that the loss does not reach, either way."""
    reason = told(subject, 1, under=SGD)
    problem = TrainingProblem(0, SGD, 2, 3, 0)

    assert (reason.kind, ("body", "kernel") in reason.leaves) == (kind, True)
    assert words in reason.text
    explained = explanation_of("frozen-value", subject, problem, "body/kernel")
    assert explained.startswith(f"body/kernel is moved by {moved_by}")


def test_noise_is_found_where_it_is_drawn():
    """And not where the key is made that it is drawn by."""
    explained = explanation_of(
        "frozen-value", adding(noisy), TrainingProblem(0, SGD, 2, 3, 0), "body/kernel"
    )

    assert "test_replaced_gradients.py" in explained
    assert "random_bits" in explained
