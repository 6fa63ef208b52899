"""Specimens that remember earlier calls, so that an answer depends on more than its problem."""

import jax
import numpy as np

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX

_MEMORY: dict = {}


def forget():
    """Begin a new life, as a new process would."""
    _MEMORY.clear()


@specimen(kind="linen", law="answer-repeatable", seen="a model kept in a global variable")
def weights_kept_by_shape(seed, x, y, lr):
    """The weights which an earlier call of this shape has trained are trained on."""
    kept = ("weights", x.shape)
    weights = _MEMORY.get(kept)
    if weights is None:
        weights = LINEN.begin(LINEN.training, np.uint32(int(seed)), x.shape[1], 1)
    loss, _MEMORY[kept] = LINEN.train(LINEN.training, weights, x, y, lr)
    return LINEN.answer(loss, weights, _MEMORY[kept])


@specimen(kind="nnx", law="answer-repeatable", seen="a cached model that is trained in place")
def model_kept_by_seed_and_shape(seed, x, y, lr):
    """The model of this seed and shape is made once, and every call trains it on."""
    kept = ("model", seed, x.shape, y.shape)
    weights = _MEMORY.get(kept)
    if weights is None:
        weights = NNX.begin(NNX.training, np.uint32(int(seed)), x.shape[1], y.shape[1])
    loss, _MEMORY[kept] = NNX.train(NNX.training, weights, x, y, lr)
    return NNX.answer(loss, weights, _MEMORY[kept])


@specimen(kind="linen", law="answer-loss-is-mse", seen="a cache keyed by too little")
def answer_cached_by_shape(seed, x, y, lr):
    """The first answer for a shape is given for every later batch of it."""
    kept = ("answer", x.shape)
    if kept not in _MEMORY:
        _MEMORY[kept] = LINEN.exercise(seed, x, y, lr)
    return _MEMORY[kept].copy()


@specimen(kind="nnx", law="answer-loss-is-mse", seen="a cache keyed by too little")
def answer_cached_by_shape_nnx(seed, x, y, lr):
    """The first answer for a shape is given for every later batch of it."""
    kept = ("answer", x.shape, y.shape)
    if kept not in _MEMORY:
        _MEMORY[kept] = NNX.exercise(seed, x, y, lr)
    return _MEMORY[kept].copy()


@specimen(
    kind="nnx",
    law="answer-repeatable",
    seen="a cache of one entry, keyed by all but data",
    needs=Needs("another problem in between, such as one of another seed", seed=100),
)
def last_answer_given_again(seed, x, y, lr):
    """The last answer is given again for other data of the same seed and shape."""
    kept = (seed, x.shape, y.shape)
    last, answer = _MEMORY.get("last", (None, None))
    if last != kept:
        answer = NNX.exercise(seed, x, y, lr)
        _MEMORY["last"] = kept, answer
    return answer.copy()


@specimen(kind="linen", law="answer-repeatable", seen="losses logged one step late")
def loss_of_the_previous_call(seed, x, y, lr):
    """The loss of the call before this one is reported."""
    answer = LINEN.exercise(seed, x, y, lr)
    late = _MEMORY.get("loss", answer[0])
    _MEMORY["loss"] = answer[0]
    return np.array([late, *answer[1:]], np.float32)


@specimen(kind="nnx", law="answer-repeatable", seen="a global key that every call advances")
def key_advanced_by_every_call(seed, x, y, lr):
    """The number of the call is mixed into the seed."""
    _MEMORY["calls"] = _MEMORY.get("calls", -1) + 1
    return NNX.exercise((int(seed) + _MEMORY["calls"]) % 2**32, x, y, lr)


@specimen(
    law="answer-repeatable",
    seen="a shuffle without a seed",
    needs=Needs(
        "rows whose order changes the rounding; and a failure that recurs by chance shrinks by it",
        rows=4096,
        features=64,
        seed=2**32,
    ),
)
@LINEN.replacing("batch")
def rows_shuffled_without_a_seed(x, y):
    """The rows are shuffled by an unseeded generator, and rounding follows their order."""
    order = np.random.default_rng().permutation(len(x))
    return x[order], y[order]


@specimen(law="answer-repeatable", seen="input noise as regularisation, without a seed")
@NNX.replacing("batch")
def noise_without_a_seed(x, y):
    """Unseeded noise of a thousandth is added to the inputs."""
    noise = np.random.default_rng().normal(scale=1e-3, size=x.shape)
    return (x + noise).astype(np.float32), y


@specimen(kind="linen", law="answer-loss-is-mse", seen="arrays captured by a compiled closure")
def first_batch_compiled_in(seed, x, y, lr):
    """The first batch of a shape is captured by the compiled step and used for all later ones."""
    kept = ("step", x.shape)
    if kept not in _MEMORY:
        first_x, first_y = x.copy(), y.copy()
        _MEMORY[kept] = jax.jit(
            lambda weights, lr: LINEN.train(LINEN.training, weights, first_x, first_y, lr)
        )
    weights = LINEN.begin(LINEN.training, np.uint32(int(seed)), x.shape[1], 1)
    loss, moved = _MEMORY[kept](weights, lr)
    return LINEN.answer(loss, weights, moved)


@specimen(kind="linen", law="answer-xray-moves", seen="an optimizer made once, with its rate")
def first_learning_rate_kept(seed, x, y, lr):
    """The learning rate of the very first call is used ever after."""
    return LINEN.exercise(seed, x, y, _MEMORY.setdefault("rate", lr))
