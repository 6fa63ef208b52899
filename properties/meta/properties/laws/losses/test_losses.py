"""A loss that is not a number is one fault, whichever law meets it; noise in it is not a fault."""

import functools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from frostproof import NnxTrainer, Optimizers, verify
from frostproof.properties.meta.properties.laws.standing import LOSSES, judged, keyed
from frostproof.reference.corpus.accepted.trainers import nnx_steps
from frostproof.reference.corpus.accepted.trainers.linen_layers import dropout_by_the_step
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
    within,
)
from frostproof.reference.corpus.specimens.trainers.trainer_losses import reporting
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.trials.noise import is_loss_noisy
from frostproof.reports.formats.faults import by_cause
from frostproof.reports.formats.wording import story


def test_metrics_in_the_place_of_the_loss_are_told_once():
    """With what was returned, and without what is usually wrong with a number."""
    metrics = reporting(report=lambda loss, *_: {"loss": loss, "rows": 2})

    rows = verify(metrics, laws=LOSSES, max_examples=2, seed=0).rows

    assert [row.verdict for row in rows] == ["refuted"] * 4
    (group,) = by_cause(rows)
    told = dict(story(group[0]))
    assert told["because"].startswith("it returns None, metrics or several numbers in the place of")
    assert "usually" not in told


NOISE = (
    "not-run",
    (
        "random numbers, such as those of Dropout, change the loss in training: no prediction "
        "tells what it has to be, and the freeze is judged without it"
    ),
)


def noisy(tree):
    return jax.tree.map(lambda leaf: leaf + jax.random.normal(jax.random.key(0), leaf.shape), tree)


def test_noise_by_the_number_of_the_step_is_no_wrong_loss(plain):
    """No key in the state shows it: other random numbers do, of NNX as well."""
    assert judged(dropout_by_the_step) == {NOISE}

    @nnx.jit
    def step(model, optimizer, batch):
        def loss(model):
            key = jax.random.key(optimizer.step[...])
            return jnp.mean((model(batch.x) + jax.random.normal(key, batch.y.shape) - batch.y) ** 2)

        value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, nnx_steps.rest))(model)
        optimizer.update(model, grads)
        return value

    noise = NnxTrainer(
        nnx_steps.create_with(),
        step,
        frozen=("l1",),
        predict=nnx.jit(lambda model, x: model(x)),
        loss="mse",
        optimizers=Optimizers("sgd"),
    )
    assert judged(noise) == {NOISE}


def test_noise_beside_the_loss_excuses_no_wrong_one(plain):
    """Such as in the gradients, or in what the program does afterwards."""
    beside = stepping(gradients=noisy, report=lambda loss, *_: 2 * loss)

    assert {verdict for verdict, _ in judged(plain)} == {"held"}
    assert {verdict for verdict, _ in judged(replace(plain, train_step=beside), LOSSES[:2])} == {
        "refuted"
    }


def test_noise_excuses_no_missing_loss():
    """Metrics are not a number, whatever they are of."""
    noise = dropout_by_the_step

    def step(state, batch):
        state, loss = noise.train_step(state, batch)
        return state, {"loss": loss}

    assert {verdict for verdict, _ in judged(replace(noise, train_step=step))} == {"refuted"}


def test_a_step_that_cannot_be_traced_draws_all_the_same():
    """It returns a number of Python; and the last loss is kept outside, where no tracer may go."""
    kept = []

    def step(state, batch):
        state, loss = dropout_by_the_step.train_step(state, batch)
        kept.append(float(loss))
        return state, kept[-1]

    assert judged(replace(dropout_by_the_step, train_step=step)) == {NOISE}


@pytest.mark.parametrize("draw", [jax.random.gamma, jax.random.beta])
def test_all_that_draws_is_noise(draw, plain):
    """As the weights of mixup are drawn."""

    @jax.jit
    def step(state, batch):
        shape = () if draw is jax.random.gamma else (0.4,)
        weight = draw(jax.random.key(state.step), 0.4, *shape)
        mixed = batch._replace(x=weight * batch.x)
        return plain.train_step(state, mixed)

    assert judged(replace(plain, train_step=step), LOSSES[:1]) == {NOISE}


def test_noise_of_an_update_excuses_no_loss_after_it(plain):
    """At rate zero it does not reach a loss of the new weights."""
    late = stepping(gradients=noisy, report=lambda loss, of, old, new: of(new))

    found = judged(replace(plain, train_step=late), LOSSES[1:2])
    assert {verdict for verdict, _ in found} == {"refuted"}


def test_noise_excuses_no_loss_that_is_off_by_more(plain):
    """Such as one that is multiplied by zero."""

    @jax.jit
    def step(state, batch):
        state, loss = plain.train_step(state, batch)
        return state, 2 * loss + 0 * jax.random.normal(jax.random.key(state.step))

    found = judged(replace(plain, train_step=step), LOSSES[:2])
    assert {verdict for verdict, _ in found} == {"refuted"}


def test_noise_excuses_no_loss_that_raises():
    """It raises on more rows than a trainer is tried on."""

    def loss(answer, y):
        return {2: np.mean((answer - y) ** 2)}[len(y)]

    own = replace(dropout_by_the_step, loss=loss)

    ((verdict, reason),) = judged(own, LOSSES[:1])
    assert verdict == "error"
    assert reason.startswith("`loss` of prediction and targets raised KeyError: ")


def test_noise_is_looked_for_where_it_shows(plain):
    """A relu may be dead in a first training, and a batch that is drawn may overflow."""
    noisy_program = dropout_by_the_step

    def create(seed, batch, optimizer):
        state = noisy_program.create(seed, batch, optimizer)
        body = state.params["body"] | {"bias": jnp.full(4, 0.0 if seed else -1e6)}
        return state.replace(params=state.params | {"body": body})

    problem = TrainingProblem(0, optimizer("sgd"), 2, 3, 0)

    assert not is_loss_noisy(plain, problem, 1, 1e-5)
    assert is_loss_noisy(replace(noisy_program, create=create), problem, 1, 1e-5)
    assert is_loss_noisy(replace(noisy_program), replace(problem, numbers="overflowing"), 1, 1e-5)


def twice(loss, *_):
    """Report another loss than the declared one."""
    return 2 * loss


def test_random_keys_excuse_no_wrong_loss(plain):
    """The optimizer draws noise for the gradients: no other numbers change the loss."""

    @functools.cache
    def noisy_updates(optimizer):
        return optax.chain(optax.add_noise(0.1, 0.5, 0), optimizer)

    create = creating(Layers(), lambda tx: partitioned(noisy_updates(tx), within(("body",))))
    right = replace(plain, create=create)

    assert judged(right, LOSSES[:1]) == {("held", None)}
    ((verdict, reason),) = judged(replace(right, train_step=stepping(report=twice)), LOSSES[:1])
    assert verdict == "refuted"
    assert reason.endswith("(2 times it)")


def test_rows_may_be_shuffled(plain):
    """Another order changes the last digits of the loss, and does not excuse half of it."""

    def shuffling(step):
        @jax.jit
        def train_step(state, batch):
            order = jax.random.permutation(jax.random.key(state.step), len(batch.y))
            return step(state, batch._replace(x=batch.x[order], y=batch.y[order]))

        return train_step

    right = replace(plain, train_step=shuffling(stepping()))
    wrong = replace(plain, train_step=shuffling(stepping(report=twice)))

    assert judged(right, LOSSES[:1]) == {("held", None)}
    assert {verdict for verdict, _ in judged(wrong, LOSSES[:1])} == {"refuted"}


def test_a_program_may_refuse_other_random_numbers():
    """Nothing is known then of a loss that is not the declared one, if its state carries a key."""
    seen = {}

    def step(state, batch):
        place = int(state.step), *np.asarray(state.key).tolist()
        drawn = float(jax.random.normal(jax.random.fold_in(state.key, state.step)))
        if seen.setdefault(place, drawn) != drawn:
            raise RuntimeError("another number")
        state, loss = taught(state, batch)
        return state, loss + drawn

    taught = stepping()

    assert judged(keyed(step), LOSSES[:1]) == {NOISE}


def test_noise_may_begin_with_a_later_step(plain):
    """As that of a stochastic depth which grows."""

    @jax.jit
    def step(state, batch):
        noise = jax.random.normal(jax.random.key(state.step), batch.x.shape)
        noisy = batch._replace(x=jnp.where(state.step > 0, batch.x + noise, batch.x))
        return plain.train_step(state, noisy)

    assert judged(replace(plain, train_step=step), LOSSES[:1]) == {NOISE}


def test_noise_inside_a_scan_is_seen(plain):
    """JAX binds a draw again where it transforms it: what is inverted twice is as before."""

    @jax.jit
    def step(state, batch):
        def of(params):
            def row(key, pair):
                x, y = pair
                key, drawn = jax.random.split(key)
                kept = jax.random.bernoulli(drawn, 0.5, x.shape)
                return key, jnp.mean((state.apply_fn({"params": params}, x * kept) - y) ** 2)

            _, losses = jax.lax.scan(row, jax.random.key(state.step), (batch.x, batch.y))
            return losses.mean()

        loss, grads = jax.value_and_grad(of)(state.params)
        return state.apply_gradients(grads=grads), loss

    assert judged(replace(plain, train_step=step), LOSSES[:1]) == {NOISE}


def test_noise_that_numpy_draws_by_a_key_is_seen():
    """By another key in the state."""

    def step(state, batch):
        seed = [*np.asarray(state.key).tolist(), int(state.step)]
        noise = np.random.default_rng(seed).standard_normal(batch.x.shape).astype("f")
        return taught(state, batch._replace(x=batch.x + noise))

    taught = stepping()

    assert judged(keyed(step), LOSSES[:1]) == {NOISE}
