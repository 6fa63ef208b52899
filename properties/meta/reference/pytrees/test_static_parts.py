"""Static values are told apart by what they are made of."""

import functools
import threading

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof.reference.pytrees.static_parts import fingerprint


class Plain:
    def __init__(self, value):
        self.value = value


def closing_over(value):
    return lambda: value


def same(one, other):
    return fingerprint(one).parts == fingerprint(other).parts


MADE = {
    "a number": lambda value: value,
    "a closure": closing_over,
    "a default": lambda value: lambda number=value: number,
    "a partial": lambda value: functools.partial(closing_over, value=value),
    "a method": lambda value: Plain(value).__init__,
    "an object": lambda value: Plain(value),
    "nested": lambda value: closing_over({"a": [closing_over(value), (1,)]}),
    "an array": lambda value: closing_over(np.full(3, value)),
    "an array of JAX": lambda value: closing_over(jnp.full(3, value)),
    "an optimizer": lambda value: optax.chain(optax.clip(1.0), optax.adamw(value)),
    "a schedule": lambda value: optax.adam(optax.cosine_decay_schedule(value, 10)),
    "a model": lambda value: nn.Dropout(value / 10).apply,
    "the structure of a tree": lambda value: jax.tree.structure(
        {"a": jax.tree_util.Partial(closing_over(value))}
    ),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_is_made_of_the_same_is_the_same(make):
    """And what is not, is not: by a number, or only its type."""
    one = make(0.5)
    assert same(one, make(0.5))
    assert not same(one, make(0.25))
    hash(fingerprint(one).parts)


def test_numbers_that_are_equal_may_not_be_the_same():
    """1 is not True, and −0.0 not 0.0."""
    assert not same(closing_over(1), closing_over(True))
    assert not same(closing_over(1), closing_over(1.0))
    assert not same(closing_over(0.0), closing_over(-0.0))


@pytest.mark.parametrize(
    "make", [lambda: iter([1]), threading.Lock, lambda: np.random.default_rng(0), lambda: open]
)
def test_what_nobody_can_look_into_is_only_itself(make):
    """A generator, a lock, a random generator."""
    one, other = make(), make()
    assert same(closing_over(one), closing_over(one))
    assert same(closing_over(one), closing_over(other)) == (one is other)


def test_what_holds_itself_has_an_end():
    """A function that calls itself closes over itself."""

    def made(number):
        def calls(n):
            return calls(n - number)

        return calls

    assert same(made(1), made(1))
    assert not same(made(1), made(2))
