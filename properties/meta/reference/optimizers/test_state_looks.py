"""Programs that look at the state of the optimizer that they are handed: it is left as it is."""

from types import FunctionType, MethodType

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, OptaxFreeze, Optimizers, verify
from frostproof.reference.optimizers.state_looks import is_looker
from frostproof.reference.subjects.capability import Capability
from frostproof.reference.trials.probe import probe

ADAM = Optimizers("adam")
LAWS = ("training-runs", "frozen-value", "trains-as-if-alone")
_model = nn.Sequential([nn.Dense(2), nn.Dense(1)])
_labels = {"layers_0": "frozen", "layers_1": "trained"}


def _create(seed, batch, optimizer):
    tx = optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, _labels)
    return TrainState.create(apply_fn=None, tx=tx, **_model.init(jax.random.key(seed), batch.x))


def _train_step(state, batch):
    def loss(params):
        return jnp.mean((_model.apply({"params": params}, batch.x) - batch.y) ** 2)

    value, gradients = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=gradients), value


def _inner(state):
    return state.opt_state.inner_states["trained"].inner_state


def _linen(look, optimizers=ADAM):
    step = jax.jit(_train_step)

    def train_step(state, batch):
        state, loss = step(state, batch)
        look(_inner(state))
        return state, loss

    return LinenTrainer(_create, train_step, frozen=("layers_0",), optimizers=optimizers)


def _unpacked(state):
    moments, _ = state
    assert moments.count > 0


def _of_its_type(state):
    assert any(isinstance(each, optax.ScaleByAdamState) for each in state)


def _searched(state):
    if optax.tree_utils.tree_get(state, "mu") is None:  # what pytest makes of `assert` looks, too
        raise LookupError


def _walked(state):
    def is_moments(node):
        return isinstance(node, optax.ScaleByAdamState)

    if not any(map(is_moments, jax.tree.leaves(state, is_leaf=is_moments))):
        raise LookupError


def _counted(state):
    if len(state) != 2:
        raise LookupError


def _of_its_very_type(state):
    if type(state) is not tuple:
        raise LookupError


def _named(state):
    path, _ = jax.tree.leaves_with_path(state)[0]
    if jax.tree_util.keystr(path) != "[0].count":
        raise LookupError


def verdicts(subject):
    report = verify(subject, laws=LAWS, max_examples=3, seed=1, proofs=False)
    return {row.law: row for row in report.rows}


@pytest.mark.parametrize(
    "look",
    [_unpacked, _of_its_type, _counted, _of_its_very_type, _named, lambda state: state[0].mu],
)
def test_a_program_that_takes_its_state_apart_is_not_accused(look):
    """It knows the state of Adam, which it was promised, and of no optimizer that records."""
    subject = _linen(look)

    rows = verdicts(subject)

    assert is_looker(subject.train_step)
    assert [rows[law].verdict for law in LAWS] == ["held", "held", "not-run"]
    assert "looks at the state" in rows["trains-as-if-alone"].reason


@pytest.mark.parametrize("look", [_searched, _walked])
def test_a_program_that_searches_its_state_finds_what_it_looks_for(look):
    """Beside what is recorded: its gradients are seen."""
    subject = _linen(look)

    assert [row.verdict for row in verdicts(subject).values()] == ["held"] * len(LAWS)
    assert not is_looker(subject.train_step)


def test_a_package_that_asks_of_every_field_is_no_look_of_the_program():
    """Equinox asks so of each field of a module that is made or read."""

    def ask(state):
        return isinstance(state, MethodType)

    of_equinox = FunctionType(ask.__code__, {**globals(), "__name__": "equinox._module"})
    subjects = _linen(ask), _linen(of_equinox)

    for subject in subjects:
        probe(subject)

    assert [is_looker(subject.train_step) for subject in subjects] == [True, False]


def test_a_program_that_raises_by_itself_is_no_looker():
    """It raises whatever it is handed."""

    def look(state):
        raise LookupError

    subject = _linen(look)

    assert verdicts(subject)["training-runs"].verdict == "error"
    assert not is_looker(subject.train_step)


@pytest.mark.parametrize("look", [lambda state: state == (), lambda state: () in state, str, bool])
def test_a_question_without_consequences_is_noticed(look):
    """What the program does with the answer is its own."""
    subject = _linen(look)

    probe(subject)

    assert is_looker(subject.train_step)


@pytest.mark.parametrize("look", [_unpacked, _named])
def test_a_program_that_knows_the_state_of_its_promise_is_tried_under_none_other(look):
    """The trial finds that it takes parameters, and no error."""
    found = probe(_linen(look))

    assert found.raised is None
    assert Capability.WITH_PARAMS in found.capabilities


def test_what_a_look_decides_is_what_it_decides_outside():
    """A thaw of all, as soon as the moments are those of Adam: nothing raises."""

    def update(gradients, state, params=None, *, optimizer, mask):
        updates, state = optimizer.update(gradients, state, params)
        if isinstance(state[0], optax.ScaleByAdamState):
            return updates, state
        return jax.tree.map(lambda m, u: jnp.zeros_like(u) if m else u, mask, updates), state

    def freeze(optimizer, mask):
        partial = jax.tree_util.Partial(update, optimizer=optimizer, mask=mask)
        return optax.GradientTransformation(optimizer.init, partial)

    held, refuted = (
        verify(OptaxFreeze(freeze, optimizers=each), laws=["frozen-value"], max_examples=3, seed=1)
        for each in (Optimizers("sgd"), ADAM)
    )

    assert [row.verdict for row in (*held.rows, *refuted.rows)] == ["proved", "refuted"]


def test_an_nnx_program_that_takes_its_state_apart_is_not_accused():
    """`nnx.Optimizer` keeps the state as a pytree of variables."""

    class Model(nnx.Module):
        def __init__(self, rngs):
            self.backbone = nnx.Linear(3, 2, rngs=rngs)
            self.head = nnx.Linear(2, 1, rngs=rngs)

        def __call__(self, x):
            return self.head(self.backbone(x))

    head = nnx.All(nnx.Param, nnx.PathContains("head"))

    def create(seed, batch, optimizer):
        model = Model(nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=head)

    @nnx.jit
    def step(model, optimizer, x, y):
        loss, gradients = nnx.value_and_grad(
            lambda model: jnp.mean((model(x) - y) ** 2), argnums=nnx.DiffState(0, head)
        )(model)
        optimizer.update(model, gradients)
        return loss

    def train_step(model, optimizer, batch):
        loss = step(model, optimizer, batch.x, batch.y)
        assert optimizer.opt_state[0].count[...] > 0
        return loss

    subject = NnxTrainer(create, train_step, frozen=("backbone",), optimizers=ADAM)

    assert [row.verdict for row in verdicts(subject).values()] == ["held", "held", "not-run"]
