"""What is said where no freeze catches a leaf: how paths are spelled, only to who asks them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Refutation
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as recipe
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    stepping,
)
from frostproof.reference.corpus.specimens.trainers import nnx_traps
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

MISSED = (
    "the optimizer gets the gradient of the leaf: the freeze misses the leaf; both frozen leaves "
    "move"
)
FILTER = "; `wrt=` of `nnx.Optimizer` selects the leaf"
PATHS = (
    "; a rule on paths meets ['l1']['bias'].value in gradients of `nnx.grad`, ['l1']['bias'] in "
    "updates of `nnx.Optimizer`, .l1.bias.value in `jax.grad` or without graph mode"
)


class ByHand(nnx.Pytree):
    """An optimizer of the program's own."""

    def __init__(self, inner):
        """Keep what does the work."""
        self.inner = inner

    def update(self, model, grads):
        """Apply the gradients."""
        self.inner.update(model, grads)


def create(seed, batch, optimizer):
    model = recipe.TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)


def create_by_hand(seed, batch, optimizer):
    model, made = create(seed, batch, optimizer)
    return model, ByHand(made)


@nnx.jit
def train_step(model, optimizer, batch):
    value, grads = nnx.value_and_grad(lambda m: jnp.mean((m(batch.x) - batch.y) ** 2))(model)
    optimizer.update(model, grads)
    return value


catching_none = recipe.zeroing(lambda path: False)


class Catching:
    """A rule as a method of a class of the program's."""

    def zeroed(self, grads):
        """Leave all as it is."""
        return jax.tree_util.tree_map_with_path(lambda _, grad: grad, grads)


@nnx.jit
def catching_step(model, optimizer, batch):
    value, grads = nnx.value_and_grad(lambda m: jnp.mean((m(batch.x) - batch.y) ** 2))(model)
    optimizer.update(model, Catching().zeroed(grads))
    return value


NO_L3 = recipe.all_but("l3")


@pytest.mark.parametrize(
    ("subject", "hint"),
    [
        (NnxTrainer(create, train_step, frozen=("l1",)), FILTER),
        (NnxTrainer(create_by_hand, train_step, frozen=("l1",)), ""),
        (nnx_traps.rule_of_a_printed_path, PATHS),
        (NnxTrainer(create, recipe.stepping(), frozen=("l1",)), FILTER),
        (NnxTrainer(create_by_hand, recipe.stepping(catching_none), frozen=("l1",)), PATHS),
        (NnxTrainer(create, catching_step, frozen=("l1",)), PATHS),
        (
            NnxTrainer(recipe.creating(wrt=NO_L3), recipe.stepping(wrt=NO_L3), frozen=("l1",)),
            FILTER,
        ),
    ],
    ids=[
        "no rule",
        "by hand",
        "rule",
        "rule elsewhere",
        "rule by hand",
        "rule in a class",
        "a filter that misses",
    ],
)
def test_paths_are_told_where_a_rule_on_them_may_miss(subject, hint):
    """A rule that no step calls says nothing, as in the file of the recipe; a filter of
    `nnx.Optimizer` comes before all rules.
    """
    trajectory = run(subject, TrainingProblem(0, optimizer("sgd"), 2, 3, 0))
    refuted = Refutation("it moved", assertion="False", leaf="l1/bias")

    cause = cause_of(BY_ID["frozen-value"], subject, [trajectory], refuted)

    assert cause.text == MISSED + hint
    assert cause.fault["whole"]


HEAD = "{'body': False, 'head': True}"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (f"optax.adamw(0.1, mask={HEAD})", "optax.adamw"),
        (f"optax.contrib.dog(0.1, mask={HEAD})", "optax.contrib.dog"),
        (f"optax.chain(optimizer, optax.add_decayed_weights(0.1, mask={HEAD}))", None),
        ("optax.masked(optax.adamw(0.1), mask=True)", ""),
        ("optax.adamw(0.1)", ""),
    ],
)
def test_a_mask_of_the_decay_is_told_from_a_freeze(tmp_path, made, told):
    """AdamW takes `mask=`, and trains all the same what that leaves out."""
    file = tmp_path / "program.py"
    file.write_text(f"def create(seed, batch, optimizer):\n    return begun(seed, batch, {made})\n")
    program = {"begun": creating(Layers(("body", "head")), lambda made: made), "optax": optax}
    exec(compile(file.read_text(), file, "exec"), program)
    subject = LinenTrainer(program["create"], stepping(), frozen=("body",))

    verdict = judge(BY_ID["frozen-value"], subject, Effort(3, 0), CallCache(), made)

    cause = verdict.counterexample.cause
    hint = f"; `mask=` of `{told}` says what decays, and not what trains" if told else ""
    assert cause.endswith(f"both frozen leaves move{hint}")


class Listed(nnx.Module):
    """Layers in a list."""

    def __init__(self, inputs, rngs):
        """Make two of them."""
        self.layers = nnx.List([nnx.Linear(inputs, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)])

    def __call__(self, x):
        """Apply one after the other."""
        for layer in self.layers:
            x = layer(x)
        return x


NO_FIRST = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("0")))


def create_listed(seed, batch, optimizer):
    model = Listed(batch.x.shape[1], rngs=nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=NO_FIRST)


def test_a_number_in_a_path_is_told():
    """The name of a layer in a list is not a text."""
    subject = NnxTrainer(create_listed, recipe.stepping(wrt=NO_FIRST), frozen=("layers/0",))
    trajectory = run(subject, TrainingProblem(0, optimizer("sgd"), 2, 3, 0))
    refuted = Refutation("it moved", assertion="False", leaf="layers/0/bias")

    cause = cause_of(BY_ID["frozen-value"], subject, [trajectory], refuted)

    assert cause.text == MISSED + FILTER + ", and meets it as ('layers', 0, 'bias')"


BOXED = nn.with_partitioning(nn.initializers.lecun_normal(), (None, None))
BOXES = nn.Sequential([nn.Dense(4, kernel_init=BOXED), nn.relu, nn.Dense(1, kernel_init=BOXED)])


def boxes(mask):
    """A trainer of layers whose kernels are in boxes, behind a freeze by a mask."""

    def create(seed, batch, optimizer):
        tx = optax.chain(optimizer, optax.freeze(mask))
        variables = BOXES.init(jax.random.key(seed), batch.x)
        return TrainState.create(apply_fn=None, tx=tx, **variables)

    @jax.jit
    def step(state, batch):
        def loss(params):
            return jnp.mean((BOXES.apply({"params": params}, batch.x) - batch.y) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=grads), value

    return LinenTrainer(create, step, frozen=lambda path: path[-1] in ("bias", "kernel"))


def by_last_key(params):
    def named(path, _):
        return getattr(path[-1], "key", "") in ("bias", "kernel")

    return jax.tree_util.tree_map_with_path(named, params)


def but_the_first_layer(params):
    def named(path, _):
        return path[0].key != "layers_0"

    return jax.tree_util.tree_map_with_path(named, params)


def but_all(params):
    return jax.tree.map(lambda _: False, params)


@pytest.mark.parametrize(
    ("mask", "told"), [(by_last_key, True), (but_the_first_layer, False), (but_all, False)]
)
def test_a_box_is_told_where_a_rule_on_paths_may_miss_it(mask, told):
    """It ends the path of the leaf in JAX: a rule on the last key misses all that are in boxes."""
    subject = boxes(mask)
    trajectory = run(subject, TrainingProblem(0, optimizer("sgd"), 2, 3, 0))
    leaf = "layers_0/kernel"
    refuted = Refutation("it moved", assertion="False", leaf=leaf)

    cause = cause_of(BY_ID["frozen-value"], subject, [trajectory], refuted)

    assert cause.kind == "missed"
    assert ("a rule on paths meets ['layers_0']['kernel'].value: the leaf" in cause.text) is told


def test_the_path_of_a_variable_in_a_state_of_nnx_is_told_as_each_rule_meets_it():
    """A program that carries `nnx.State` as a tree has no box of Linen."""

    def create(seed, batch, optimizer):
        graphdef, params = nnx.split(nnx.Linear(batch.x.shape[1], 1, rngs=nnx.Rngs(seed)))
        labels = jax.tree_util.tree_map_with_path(lambda path, _: "kernel" in path, params)
        tx = optax.chain(optimizer, optax.freeze(labels))
        return TrainState.create(apply_fn=graphdef, tx=tx, params=params)

    @jax.jit
    def step(state, batch):
        def loss(params):
            return jnp.mean((nnx.merge(state.apply_fn, params)(batch.x) - batch.y) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=grads), value

    subject = LinenTrainer(create, step, frozen=("kernel",))
    trajectory = run(subject, TrainingProblem(0, optimizer("sgd"), 2, 3, 0))
    refuted = Refutation("it moved", assertion="False", leaf="kernel")

    cause = cause_of(BY_ID["frozen-value"], subject, [trajectory], refuted)

    assert "['kernel'].value in a tree of `nnx.State`, and ('kernel',) in a filter" in cause.text
    assert "nn.with_partitioning" not in cause.text
