"""Hostile trainers and wrappers, to be judged by name only; `EXPECTED` is what `training-runs` has
to find of each.
"""

import os
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from frostproof import LinenTrainer

#: Verdict and words of the reason, by the name of a subject; no words where it held.
EXPECTED = {}


class State(NamedTuple):
    """What a training carries."""

    params: Any
    opt_state: Any
    optimizer: Any


def create(seed, batch, optimizer):
    """Make a linear model: a backbone of one weight a feature, and a head of one bias."""
    backbone = jnp.linspace(-1.0, 1.0, batch.x.shape[1])
    params = {"backbone": backbone, "head": jnp.ones(1)}
    return State(params, optimizer.init(params), optimizer)


def train_step(state, batch):
    """Train the head alone."""

    def loss_of(params):
        prediction = batch.x @ params["backbone"] + params["head"]
        return jnp.mean((prediction - batch.y[:, 0]) ** 2)

    loss, gradients = jax.value_and_grad(loss_of)(state.params)
    updates, opt_state = state.optimizer.update(gradients, state.opt_state, state.params)
    updates["backbone"] = jnp.zeros_like(updates["backbone"])
    params = optax.apply_updates(state.params, updates)
    return State(params, opt_state, state.optimizer), loss


def trainer(verdict, words=None, frozen=("backbone",)):
    """Make a function the step, or the creation, of a trainer that is sound but for that."""

    def make(fn):
        EXPECTED[fn.__name__] = verdict, words
        own = {"create": create, "train_step": train_step}
        role = "create" if fn.__code__.co_argcount == 3 else "train_step"
        return LinenTrainer(**(own | {role: fn}), frozen=frozen)

    return make


@trainer("error", "no answer within")
def hangs_in_creation(seed, batch, optimizer):
    """Waits for data that does not come."""
    time.sleep(3600)


@trainer("error", "the process ended itself with exit status 7")
def dies_in_a_step(state, batch):
    """Ends the process."""
    os._exit(7)


@trainer("error", "this buffer was deleted, most likely donated")
def deletes_what_it_returns(state, batch):
    """Returns a state that can no longer be read."""
    state, loss = train_step(state, batch)
    state.params["backbone"].delete()
    return state, loss


@trainer("error", "this is a tracer")
def returns_tracers(state, batch):
    """Lets a parameter escape from a compiled function."""
    leaked = []
    jax.jit(leaked.append)(1.0)
    state, loss = train_step(state, batch)
    return state._replace(params=state.params | {"head": leaked[0]}), loss


@trainer("error", "KeyboardInterrupt")
def interrupts(state, batch):
    """Pretends that somebody pressed Ctrl-C."""
    raise KeyboardInterrupt


@trainer("error", "replaced numpy.array, with which it is judged")
def replaces_numpy(state, batch):
    """Hides what moves from snapshots that are taken later."""
    import numpy as np

    state, loss = train_step(state, batch)
    plain = np.array
    np.array = lambda *arguments, **keywords: plain(*arguments, **keywords) * 0
    return state, loss


@trainer("held")
def leaves_the_machine_untidy(state, batch):
    """Forks, goes elsewhere, and turns compilation off."""
    os.fork()
    os.chdir("/")
    jax.config.update("jax_disable_jit", True)
    return train_step(state, batch)


def hangs_in_an_update(optimizer, mask):
    """Wraps an optimizer that never ends its work."""
    return SimpleNamespace(init=optimizer.init, update=lambda *arguments: time.sleep(3600))


def exits_while_wrapping(optimizer, mask):
    """Ends the process when it is asked to freeze."""
    os._exit(8)


EXPECTED["hangs_in_an_update"] = "error", "no answer within"
EXPECTED["exits_while_wrapping"] = "error", "the process ended itself with exit status 8"
