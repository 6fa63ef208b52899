"""What moves a frozen leaf: a mask that lets NaN through, a decay, or the gradients before."""

from collections.abc import Callable

import flax
import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof import LinenTrainer
from frostproof.properties.engine.causes.movement import moved_leaves, reasons_to_move
from frostproof.reference.corpus.specimens.lifetimes import phased
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen_recipe
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import ForeignOptimizer, OwnOptimizer, optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

EDGE = "edge of a phase"
HALF = linen_recipe.Layers(("l1", "head"))


def told(subject, problem):
    """The first reason why the first leaf moves that does."""
    trajectory = run(subject, problem)
    step = next(step for step in trajectory.steps if moved_leaves(step))
    return next(reasons_to_move(subject, trajectory, step, moved_leaves(step)[0]))


def overflowing(change):
    """Return a step whose gradients grow with the bias of the head, soon past all numbers."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            return linen_recipe.mse(state.apply_fn({"params": params}, batch.x), batch.y)

        value, grads = jax.value_and_grad(loss)(state.params)
        scale = jax.numpy.exp(1e4 * abs(state.params["head"]["bias"]))
        return state.apply_gradients(grads=change(jax.tree.map(lambda g: g * scale, grads))), value

    return step


def times_zero(grads):
    """Multiply what the body gets by 0."""
    return linen_recipe.where(linen_recipe.within(("l1",)), lambda g: g * 0.0, grads)


def as_it_is(optimizer):
    return optimizer


def zero_times(optimizer):
    """Multiply the updates of the body by 0."""

    def update(updates, state, params):
        updates, state = optimizer.update(updates, state, params)
        return times_zero(updates), state

    return optax.GradientTransformation(optimizer.init, update)


def from_zeros(seed, batch, optimizer):
    """Begin with a head of zeros: in the first step the body has no gradient."""
    state = linen_recipe.creating(HALF)(seed, batch, optimizer)
    head = jax.tree.map(jax.numpy.zeros_like, state.params["head"])
    return state.replace(params=state.params | {"head": head})


KNOWN, FOREIGN = optimizer("sgd", learning_rate=1.0), ForeignOptimizer(optax.sgd(1.0))


@pytest.mark.parametrize(
    ("create", "change", "row", "kind"),
    [
        (linen_recipe.creating(HALF), times_zero, KNOWN, "product"),
        (linen_recipe.creating(HALF, zero_times), as_it_is, FOREIGN, "product"),
        (linen_recipe.creating(HALF), times_zero, FOREIGN, "NaN after zeros"),
        (from_zeros, as_it_is, KNOWN, "missed"),
    ],
    ids=["gradients", "updates", "at an unknown rate", "no mask"],
)
def test_an_overflow_of_ordinary_numbers_tells_a_mask_from_a_leaf_that_is_missed(
    create, change, row, kind
):
    """At a low rate it comes later; a leaf that was held before is not missed."""
    subject = LinenTrainer(create, overflowing(change), frozen=("l1",))

    assert told(subject, TrainingProblem(0, row, 2, 3, 0, ("step",) * 2)).kind == kind


def left_out(optimizer):
    """Hand on the gradients of the body as they are."""
    return optax.masked(optimizer, {"l1": False, "head": True})


def by_hand(optimizer):
    """Train the body at a rate that no optimizer is asked about."""
    by_hand = {"hand": optax.sgd(0.5), "trained": optimizer}
    return optax.multi_transform(by_hand, {"l1": "hand", "head": "trained"})


@pytest.mark.parametrize(("wrap", "kind"), [(left_out, "raw gradient"), (by_hand, "the step")])
def test_a_gradient_that_is_added_as_it_is_is_told_from_a_step_down(wrap, kind):
    """`optax.masked` leaves it in the updates; an optimizer that the program adds does not."""
    subject = LinenTrainer(
        linen_recipe.creating(HALF, wrap), linen_recipe.stepping(), frozen=("l1",)
    )

    reason = told(subject, TrainingProblem(0, KNOWN, 2, 3, 0))

    assert reason.kind == kind
    assert reason.leaves >= {("l1", "bias")}


def in_turns(optimizer):
    """Train the body in odd steps and the head in even ones, and hand on the other's gradients."""
    body = optax.conditionally_transform(optimizer, lambda count: count % 2 == 0)
    head = optax.conditionally_transform(optimizer, lambda count: count % 2 == 1)
    return optax.multi_transform({"l1": body, "head": head}, {"l1": "l1", "head": "head"})


def begun_by(optimizer):
    """Train the body in the first step, and hand on its gradients from then on."""
    first = optax.conditionally_transform(optimizer, lambda count: count == 0)
    return optax.multi_transform({"l1": first, "head": optimizer}, {"l1": "l1", "head": "head"})


@pytest.mark.parametrize(
    ("wrap", "frozen", "moved"),
    [
        (in_turns, lambda step: ("head",) if step % 2 else ("l1",), "head"),
        (begun_by, lambda step: ("l1",) if step > 1 else (), "l1"),
    ],
    ids=["in turns", "after a step"],
)
def test_a_gradient_is_added_as_it_is_where_an_optimizer_waits_for_its_turn(wrap, frozen, moved):
    """It waits for its turn: what is called in the step leaves the leaf out."""
    subject = LinenTrainer(
        linen_recipe.creating(HALF, wrap), linen_recipe.stepping(), frozen=frozen
    )

    reason = told(subject, TrainingProblem(0, KNOWN, 2, 3, 0, ("step",) * 2))

    assert (reason.kind, {path[0] for path in reason.leaves}) == ("raw gradient", {moved})
    assert "`optax.conditionally_transform`" in reason.text


class Scaled(flax.struct.PyTreeNode):
    """A weight and its scale, of which the optimizer gets the latter, in its own form."""

    params: dict
    opt_state: tuple
    form: Callable = flax.struct.field(pytree_node=False)
    tx: optax.GradientTransformation = flax.struct.field(pytree_node=False)


def scaled_by(form):
    def create(seed, batch, optimizer):
        params = {"scale": jax.numpy.full((), 0.7), "weight": jax.numpy.ones(batch.x.shape[1])}
        return Scaled(params, optimizer.init(form(params)), form, optimizer)

    return create


def only_the_scale(state, batch):
    def loss(params):
        return jax.numpy.mean((params["scale"] * batch.x @ params["weight"] - 1) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    params, grads = state.form(state.params), state.form(grads)
    updates, opt_state = state.tx.update(grads, state.opt_state, params)
    (scale,) = jax.tree.leaves(optax.apply_updates(params, updates))
    return state.replace(params=state.params | {"scale": scale}, opt_state=opt_state), value


@pytest.mark.parametrize(
    "form",
    [lambda params: params["scale"], lambda params: {"temperature": params["scale"]}],
    ids=["an array", "another name"],
)
def test_a_leaf_that_the_optimizer_gets_by_another_name_is_missed(form):
    """It is known by its bits: nothing else than the optimizer moves it."""
    subject = LinenTrainer(scaled_by(form), only_the_scale, frozen=("scale",))

    reason = told(subject, TrainingProblem(0, KNOWN, 2, 3, 0))

    assert (reason.kind, reason.leaves) == ("missed", {("scale",)})


def decayed(rate):
    """Return SGD with a decay of a tenth."""
    return optax.chain(optax.add_decayed_weights(0.1), optax.sgd(rate))


def zeroed_for(make):
    """Return a wrapping of no optimizer, whose own has gradients of zero for the body."""

    def wrap(_):
        zeroed = optax.masked(optax.set_to_zero(), {"l1": True, "head": False})
        return optax.chain(zeroed, make(0.1))

    return wrap


def pruning(_):
    return optax.stateless(
        lambda updates, params: updates | {"l1": jax.tree.map(lambda p: -p, params["l1"])}
    )


@pytest.mark.parametrize(
    ("wrap", "kind"),
    [
        (lambda _: optax.sgd(0.1), "missed"),
        (lambda _: decayed(0.1), "missed"),
        (zeroed_for(decayed), "decay"),
        (zeroed_for(optax.yogi), "without a gradient"),
        (pruning, "pruned"),
    ],
    ids=["no freeze", "no freeze of what decays", "decay", "yogi", "pruning"],
)
def test_what_moves_a_leaf_under_an_optimizer_of_the_program_is_told(wrap, kind):
    """What that optimizer gets is not seen, but what becomes of the leaf without its gradient."""
    subject = LinenTrainer(
        linen_recipe.creating(HALF, wrap), linen_recipe.stepping(), frozen=("l1/kernel",)
    )

    reason = told(subject, TrainingProblem(0, OwnOptimizer(), 2, 3, 0, weights="redrawn"))

    assert (reason.kind, reason.leaves) == (kind, {("l1", "kernel")})


@jax.jit
def zeroed_from_step_three(state, batch):
    """Train all, and give zeros for the gradients of the first layer from the third step on."""

    def error(params):
        return linen_recipe.mse(state.apply_fn({"params": params}, batch.x), batch.y)

    loss, grads = jax.value_and_grad(error)(state.params)
    first = jax.tree.map(lambda g: jnp.where(state.step < 2, g, 0.0), grads["l1"])
    return state.apply_gradients(grads={**grads, "l1": first}), loss


def test_momentum_of_an_optimizer_of_the_program_is_not_told_as_a_freeze_that_misses():
    """As an Adam that goes on from phase to phase, while the gradients of what is frozen are 0."""
    subject = LinenTrainer(
        linen_recipe.creating(HALF, lambda _: optax.adam(0.1)),
        zeroed_from_step_three,
        frozen=lambda step: () if step <= 2 else ("l1",),
    )

    reason = told(subject, TrainingProblem(0, OwnOptimizer(), 2, 3, 0, actions=("step",) * 3))

    assert reason.kind == "earlier gradients"
    assert "of an earlier step, in which it trains" in reason.text


@jax.jit
def fading(state, batch):
    """Train all leaves in the first step, and take the gradients of the body away from then on."""

    def loss(params):
        return jax.numpy.tanh(state.apply_fn({"params": params}, batch.x)).mean()

    value, grads = jax.value_and_grad(loss)(state.params)
    gone = linen_recipe.zeroing(linen_recipe.within(("l1",)))(grads)
    grads = jax.tree.map(lambda g, zero: jax.numpy.where(state.step, zero, g), grads, gone)
    return state.apply_gradients(grads=grads), value


@pytest.mark.parametrize(
    ("row", "numbers", "kind"),
    [
        (optimizer("momentum"), "ordinary", "earlier gradients"),
        (optimizer("adamw"), "overflowing", "decay"),  # all of `tanh` are sure, without a slope
        (
            ForeignOptimizer(optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1))),
            "ordinary",
            "decay",
        ),
        (ForeignOptimizer(optax.adamw(0.1, weight_decay=0.1)), "ordinary", "earlier gradients"),
        (ForeignOptimizer(optax.yogi(0.1)), "ordinary", "gradient of zero"),
    ],
)
def test_earlier_gradients_move_a_leaf_only_where_there_were_some(row, numbers, kind):
    """A decay and what an optimizer begins with move it as well, without any."""
    subject = LinenTrainer(
        linen_recipe.creating(HALF), fading, frozen=lambda step: ("l1",) if step > 1 else ()
    )
    steps = ("step",) * 2

    reason = told(subject, TrainingProblem(0, row, 2, 3, 0, steps, numbers=numbers))

    assert reason.kind == kind


def put_back_from(number):
    """Return a step that puts the body back from this step on, counted from 1."""

    def put_back(old, new):
        def held(now, before):
            return jax.numpy.where(old.step >= number - 1, before, now)

        within = linen_recipe.within(("l1",))
        return new.replace(params=linen_recipe.where(within, held, new.params, old.params))

    return linen_recipe.stepping(after=put_back)


def from_step(number):
    return lambda step: ("l1",) if step >= number else ()


LATE = LinenTrainer(linen_recipe.creating(HALF), put_back_from(3), frozen=from_step(2))
OWN = LinenTrainer(
    lambda seed, batch, _: linen_recipe.creating(HALF)(seed, batch, optax.sgd(0.1)),
    put_back_from(3),
    frozen=from_step(2),
)
MISSED = LinenTrainer(
    linen_recipe.creating(HALF),
    linen_recipe.stepping(),
    frozen=lambda step: ("l1",) if step <= 2 else (),
)
SGD = optimizer("sgd", learning_rate=0.1)


def thawing_by_another(optimizer):
    """Train the body by an optimizer of the program, from the second step on."""
    late = optax.sgd(lambda count: 0.1 * (count > 0))
    return optax.multi_transform({"l1": late, "head": optimizer}, {"l1": "l1", "head": "head"})


OTHERS = LinenTrainer(
    linen_recipe.creating(HALF, thawing_by_another),
    linen_recipe.stepping(),
    frozen=lambda step: ("l1",) if step <= 2 else (),
)


THREE = ("l1", "l2", "head")


def unfrozen_early(optimizer):
    """Let one more layer train in each step, beginning with the last two."""

    def since(number):
        trains = optax.scale_by_schedule(lambda count: 1.0 * (count >= number))
        return optax.chain(optimizer, trains)

    layers = {"l1": since(1), "l2": since(0), "head": optimizer}
    return optax.multi_transform(layers, {name: name for name in THREE})


def layer_by_layer(step):
    return THREE[: max(0, 3 - step)]


GRADUAL, ALL_AT_ONCE = (
    LinenTrainer(
        linen_recipe.creating(linen_recipe.Layers(THREE), wrap),
        linen_recipe.stepping(),
        frozen=layer_by_layer,
    )
    for wrap in (unfrozen_early, as_it_is)
)


@pytest.mark.parametrize(
    ("subject", "row", "kind", "parts"),
    [
        (phased.thawed_a_step_early, SGD, EDGE, ("in step 2, the last before", "a step early, or")),
        (LATE, SGD, EDGE, ("in step 2, the first in which", "freezes it a step late, or")),
        (OWN, SGD, EDGE, ("in step 2, the first in which", "frozen; `frozen` counts steps from 1")),
        (OTHERS, SGD, EDGE, ("in step 2, the last before", "a step early, or")),
        (OTHERS, SGD.at_rate(0.0), EDGE, ("in step 2, the last before", "a step early, or")),
        (GRADUAL, SGD, EDGE, ("in step 1, the last before", "so does l1/bias in step 2, which")),
        (ALL_AT_ONCE, SGD, "missed", ("misses",)),
        (MISSED, ForeignOptimizer(optax.sgd(lambda count: 0.1 * count)), "missed", ("misses",)),
    ],
    ids=[
        "early",
        "late",
        "its own optimizer",
        "by another",
        "by another at a rate of zero",
        "layer by layer",
        "all at once",
        "a rate that begins with zero",
    ],
)
def test_a_phase_that_is_off_by_one_is_told_from_a_leaf_that_is_missed(subject, row, kind, parts):
    """A step in which nothing trains does not show that the leaf is held."""
    reason = told(subject, TrainingProblem(0, row, 2, 3, 0, ("step",) * 2))

    assert reason.kind == kind
    assert all(part in reason.text for part in parts)
