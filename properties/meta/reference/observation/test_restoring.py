"""Whether a program puts frozen leaves back is told by what its own functions hold as they end."""

import jax
import jax.numpy as jnp
import optax

from frostproof.reference.observation.undone_updates import restores

PARAMS = {"frozen": {"kernel": jnp.ones(2)}, "head": {"kernel": jnp.ones(3)}}
LEAF = ("frozen", "kernel")


def updated(params):
    return optax.apply_updates(params, jax.tree.map(jnp.ones_like, params))


def restored():
    return {"frozen": PARAMS["frozen"], "head": updated(PARAMS)["head"]}


def test_a_program_that_holds_restored_parameters_restores():
    """Be it only until it ends: what it does with them is another matter."""
    assert restores(restored, LEAF)
    assert not restores(lambda: updated(PARAMS), LEAF)


def test_an_update_of_other_leaves_is_no_end():
    """A program may make several updates, and the frozen leaf may be in the last one only."""

    def program():
        updated({"other": jnp.ones(4)})
        return restored()

    assert restores(program, LEAF)


def test_what_libraries_hold_is_no_sign():
    """On its way through an update, Flax may hold any mixture of old and new leaves."""
    source = """
def inside():
    moved = updated(params)
    mixture = {"frozen": params["frozen"], "head": moved["head"]}
"""
    for module, found in (("training.steps", True), ("flax.training", False)):
        names = {"__name__": module, "updated": updated, "params": PARAMS}
        exec(source, names)

        assert restores(names["inside"], LEAF) == found, module


def test_it_looks_when_functions_return():
    """At each call that they make it would see more, and take many times as long."""

    def program():
        moved = updated(PARAMS)
        mixture = {"frozen": PARAMS["frozen"], "head": moved["head"]}
        assert len(mixture) == 2
        del mixture

    assert not restores(program, LEAF)


def test_a_program_that_cannot_run_eagerly_is_not_accused():
    """Nothing is known of it: it counts as one that restores."""

    def program():
        raise TypeError("it needs a tracer")

    assert restores(program, LEAF)
