"""What is beside parameters: the optimizer's state of frozen leaves stays, and statistics of layers
that train move.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, verify
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.followers import statistics_of_trainable_layers_move
from frostproof.properties.laws.law import Inconclusive, Refutation
from frostproof.properties.laws.surrounding_state import (
    copies_of_frozen_leaves_equal_them,
    optimizer_state_of_frozen_leaves_stays_zero,
    owners_of,
    statistics_of_frozen_layers_stay,
)
from frostproof.reference.corpus.accepted.lifetimes.in_phases import optimizer_made_anew
from frostproof.reference.corpus.accepted.trainers.named_statistics import (
    statistics_used_as_they_are,
)
from frostproof.reference.corpus.specimens.lifetimes.copies_left_behind import Followed
from frostproof.reference.corpus.specimens.lifetimes.phased import momentum_that_fades_while_frozen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    stepping,
    trainer,
)
from frostproof.reference.corpus.specimens.trainers.linen_updates import statistics_of_a_frozen_norm
from frostproof.reference.corpus.specimens.trainers.statistics import thawing_norm
from frostproof.reference.observation.run import run
from frostproof.reference.observation.trajectory import Step
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.paths import path_text
from frostproof.reference.pytrees.snapshot import snapshot
from frostproof.reference.subjects.moment import Moment

MOMENTUM = optimizer("momentum", learning_rate=0.1)
PROBLEM = TrainingProblem(0, MOMENTUM, 2, 3, 0, actions=("step",) * 4)


def test_state_may_be_made_anew_as_a_leaf_is_frozen():
    """Then it is as from a fresh start, and stays so."""
    optimizer_state_of_frozen_leaves_stays_zero.check(run(optimizer_made_anew, PROBLEM))


def test_state_may_not_fade():
    """It is neither as before nor as at the start."""
    trajectory = run(momentum_that_fades_while_frozen, PROBLEM)
    with pytest.raises(Refutation, match="as before"):
        optimizer_state_of_frozen_leaves_stays_zero.check(trajectory)


def _half_way(old, new):
    target = jax.tree.map(lambda a, p: 0.5 * a + 0.5 * p, old.target, new.params)
    return new.replace(target=target)


@pytest.mark.parametrize(
    ("after", "moves"),
    [(lambda _, new: new, "has not"), (_half_way, "otherwise")],
    ids=["stays", "is behind"],
)
def test_a_copy_of_a_leaf_that_moves_is_not_called_wrong(after, moves):
    """The frozen leaf has moved away from it: why it does is what is to be told."""
    create = creating(Layers(), state=Followed, target=lambda params: params)
    thawed = trainer(BODY, create=create, step=stepping(after=after))
    trajectory = run(thawed, PROBLEM)

    with pytest.raises(
        Refutation, match=f"the leaf has moved, and the copy {moves}, under"
    ) as found:
        copies_of_frozen_leaves_equal_them.check(trajectory)

    reason = cause_of(BY_ID["frozen-copies"], thawed, [trajectory], found.value)
    assert reason.text.startswith("the optimizer gets the gradient of the leaf: the freeze misses")


class Normed(nnx.Module):
    """A head behind a norm in evaluation, whose bias stays."""

    def __init__(self, features, rngs):
        self.norm = nnx.BatchNorm(features, use_running_average=True, rngs=rngs)
        self.head = nnx.Linear(features, 1, rngs=rngs)

    def __call__(self, x):
        bias = self.norm.bias[...]
        return self.head(self.norm(x) - bias + jax.lax.stop_gradient(bias))


def optimizing_every_variable():
    """A trainer whose optimizer gets the statistics, too, of which nobody thought."""

    def create(seed, batch, optimizer):
        model = Normed(batch.x.shape[1], nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=nnx.Variable)

    @nnx.jit
    def step(model, optimizer, batch):
        def loss(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        every = nnx.DiffState(0, nnx.Variable)
        value, grads = nnx.value_and_grad(loss, argnums=every)(model)
        optimizer.update(model, grads)
        return value

    return NnxTrainer(create, step, frozen=("norm/bias",))


def test_state_of_a_statistic_is_not_that_of_a_frozen_leaf():
    """A mean begins with the numbers of the bias, and its moments were said to be the bias's."""
    trajectory = run(optimizing_every_variable(), PROBLEM)

    assert trajectory.steps[0].strangers == {("norm", "mean"), ("norm", "var")}
    optimizer_state_of_frozen_leaves_stays_zero.check(trajectory)
    with pytest.raises(Inconclusive, match="the optimizer trains statistics, too"):
        BY_ID["trains-as-if-alone"].check(trajectory)


@pytest.mark.parametrize("begins", [jnp.zeros, jnp.ones], ids=["alike", "otherwise"])
def test_state_of_what_is_not_shown_is_not_that_of_a_frozen_leaf(begins):
    """A gate that nobody shows has a leaf of the name and the numbers of a frozen one."""

    def create(seed, batch, optimizer):
        kernel = jax.random.normal(jax.random.key(seed), (batch.x.shape[1], 1))
        head = {"kernel": kernel, "bias": jnp.zeros(1)}
        gate = {"kernel": kernel + 1, "bias": begins(1)}
        labels = {"bias": "frozen", "head": "trained", "gate": "trained"}
        tx = optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)
        params = {"bias": jnp.zeros(1), "head": head, "gate": gate}
        return TrainState.create(apply_fn=None, params=params, tx=tx)

    @jax.jit
    def step(state, batch):
        def loss(params):
            gated = batch.x @ params["gate"]["kernel"] + params["gate"]["bias"] + params["bias"]
            answer = gated * (batch.x @ params["head"]["kernel"] + params["head"]["bias"])
            return jnp.mean((answer[:, 0] - batch.y) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=grads), value

    def shown(state):
        return {name: state.params[name] for name in ("bias", "head")}

    trajectory = run(LinenTrainer(create, step, frozen=("bias",), params=shown), PROBLEM)

    with pytest.raises(Inconclusive, match="nobody can tell whose it is"):
        optimizer_state_of_frozen_leaves_stays_zero.check(trajectory)
    with pytest.raises(Inconclusive, match="arrays that are not parameters here"):
        BY_ID["trains-as-if-alone"].check(trajectory)


@pytest.mark.parametrize(
    ("kept", "known"),
    [
        ({"kernel": 1}, []),
        ({"adapter": {"kernel": 1}}, ["adapter"]),
        ({"adapter": {"kernel": 1, "other": 1}}, []),
        ({"m": {"kernel": 1, "adapter": {"kernel": 1}}}, ["m/adapter", "m"]),
    ],
    ids=["of a part", "by whole names", "beside others", "of all"],
)
def test_of_an_unknown_optimizer_the_names_of_a_part_say_nothing(kept, known):
    """An adapter calls its leaf `kernel`, which is the name of a frozen one, too."""
    params, kept = (
        snapshot(jax.tree.map(lambda number: jnp.full(3, float(number)), tree))
        for tree in ({"kernel": 1, "adapter": {"kernel": 2}}, kept)
    )
    step = Step(Moment(params), Moment(params), frozenset({("kernel",)}), 1)

    found, unknown = owners_of(kept, step)

    assert [path_text(path) for path, _ in found] == [f"{name}/kernel" for name in known]
    assert all((owner == ("kernel",)) == (path == ("m", "kernel")) for path, owner in found)
    assert bool(unknown) == (not known)


@pytest.mark.parametrize(
    ("kept", "pairs", "unknown"),
    [
        ({"mu": {"w": 1}}, [], {("mu", "w")}),
        ({"trace": {"w": 1}}, [(("trace", "w"), ("w",))], set()),
    ],
    ids=["a moment, or its layer's", "of one name"],
)
def test_of_an_unknown_optimizer_nobody_tells_a_moment_from_a_layer_of_its_name(
    kept, pairs, unknown
):
    """`mu/w` is what adam keeps of `w`, or what SGD keeps of the frozen `mu/w`."""
    params, kept = (
        snapshot(jax.tree.map(lambda number: jnp.full(3, float(number)), tree))
        for tree in ({"mu": {"w": 1}, "w": 2}, kept)
    )
    step = Step(Moment(params), Moment(params), frozenset({("mu", "w")}), 1)

    assert owners_of(kept, step) == (pairs, unknown)


def test_without_a_loss_no_statistic_is_called_left_behind():
    """The program uses it as it is, which a number in the place of its loss does not show."""
    correct = statistics_used_as_they_are

    def step(state, batch):
        return correct.train_step(state, batch)[0], 0.0

    trainer = replace(correct, train_step=step, loss=None, predict=None)
    (row,) = verify(trainer, laws=["trainable-statistics-move"], max_examples=4, seed=1).rows

    assert row.verdict == "held"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(lambda old, new: new, "held"), (lambda old, new: old, "refuted")],
    ids=["kept", "put back"],
)
def test_statistics_of_a_layer_that_thaws_move(after, verdict):
    """That the layer runs in training mode, which moves them while it is frozen, is no reason."""
    laws, trainer = ["trainable-statistics-move"], thawing_norm(after)
    (row,) = verify(trainer, laws=laws, max_examples=2, seed=1).rows

    assert row.verdict == verdict
    assert (row.counterexample or {}).get("cause") is None


def statistics_as(show, **changed):
    """Run a training in which the statistics of a frozen norm move, and show them so."""
    subject = replace(statistics_of_a_frozen_norm, model_state=show, **changed)
    return run(subject, PROBLEM)


def _listed(state):
    return jax.tree.leaves(state.batch_stats)


def _in_a_list(state):
    return [state.params[name] for name in ("body", "norm", "head")]


@pytest.mark.parametrize(
    "law", [statistics_of_frozen_layers_stay, statistics_of_trainable_layers_move]
)
def test_nobody_can_tell_whose_statistics_without_names_are(law):
    """Equinox numbers what is in its states."""
    with pytest.raises(Inconclusive, match="statistics that move have a number for a name"):
        law.check(statistics_as(_listed))


def test_statistics_below_the_name_of_their_layer_are_judged():
    """A number is name enough there, and so is one that `frozen` names."""
    with pytest.raises(Refutation, match="norm/0: a statistic of a frozen layer moved"):
        statistics_of_frozen_layers_stay.check(statistics_as(lambda s: {"norm": _listed(s)}))
    named = statistics_as(_listed, frozen=lambda path: path == ("0",))
    with pytest.raises(Refutation, match="0: frozen statistic moved"):
        statistics_of_frozen_layers_stay.check(named)


@pytest.mark.parametrize(
    ("show", "changed"),
    [
        (_listed, {"frozen": ()}),
        (lambda state: {"scaler": _listed(state)}, {}),
        (lambda state: [each.sum() for each in _listed(state)], {}),
        (lambda state: [each.astype(jnp.int32) for each in _listed(state)], {}),
        (lambda state: [jnp.ones(4)], {}),
        (lambda state: _listed(state)[0], {}),
        (lambda state: {"1": _listed(state)}, {"params": _in_a_list, "frozen": ("0",)}),
    ],
    ids=["all train", "its own name", "numbers", "counters", "at rest", "alone", "a layer's"],
)
def test_other_statistics_without_a_layer_are_of_no_frozen_one(show, changed):
    """Those that are known not to be, and those that do not move."""
    with pytest.raises(Inconclusive, match="no frozen layer has statistics"):
        statistics_of_frozen_layers_stay.check(statistics_as(show, **changed))
