"""The hooks that the README shows, in the loops that they are for: Keras trains, Orbax saves."""

import os
import re
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint
import pytest

import frostproof

README = (Path(frostproof.__file__).parent / "README.md").read_text(encoding="utf-8")
(HOOKS,) = (
    text
    for text in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    if "StaysFrozen" in text
)


def test_orbax_saves_nothing_that_has_moved(tmp_path):
    """What is frozen is as it was in every checkpoint that there is."""
    params = {"backbone": jnp.ones(3), "head": jnp.ones(2)}
    names = {
        "guard": frostproof.Guard(params, frozen=("backbone",)),
        "keras": SimpleNamespace(callbacks=SimpleNamespace(Callback=object)),
        "orbax": orbax,
    }
    exec(HOOKS, names)

    with orbax.checkpoint.CheckpointManager(tmp_path) as manager:
        names["manager"] = manager
        names["save"](0, {**params, "head": jnp.zeros(2)})
        with pytest.raises(AssertionError, match="backbone: moved"):
            names["save"](1, jax.tree.map(jnp.zeros_like, params))
        manager.wait_until_finished()
        assert manager.all_steps() == [0]


def test_keras_stops_at_the_epoch(monkeypatch):
    """A layer that is not trainable stays; one that was declared frozen, and trains, is named."""
    if "KERAS_BACKEND" not in os.environ:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Dense(2, name="backbone"), keras.layers.Dense(1, name="head")]
    model = keras.Sequential([keras.Input((3,)), *layers], name="net")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)

    def fit(trainable):
        layers[0].trainable = trainable
        model.compile("sgd", "mse")
        start = {variable.path: variable.value for variable in model.variables}
        names = {"guard": frostproof.Guard(start, frozen=("net/backbone",)), "keras": keras}
        exec(HOOKS, names)
        model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[names["StaysFrozen"]()])
        return names["guard"].report()

    report = fit(trainable=False)
    assert (report.checks, report.kept, report.still) == (
        2, ("net/backbone/bias", "net/backbone/kernel"), (),
    )  # fmt: skip
    with pytest.raises(AssertionError, match="2 of 2 frozen leaves"):
        fit(trainable=True)
