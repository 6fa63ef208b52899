#!/usr/bin/env bash
# Orbax 0.12.8: the shape that a restore asks for is checked for leaves of JAX alone. A table kept as NumPy comes
# back with the rows that the checkpoint has, into a model with more tokens, and the new tokens get its last row.
#
# Expected: `restore(folder, template)` answers leaves of the template's shapes and dtypes, or raises: "Requested
# shape … is not compatible with the stored shape … Truncating/padding is disabled". Whether a leaf lies on the
# host or on a device makes no difference for that.
#
# What happens: `construct_restore_args` (checkpoint_utils.py) asks for the shape of a `jax.Array` by `global_shape`
# in `ArrayRestoreArgs`. For NumPy it makes a plain `RestoreArgs`, which has a type and a dtype and no shape, and
# `NumpyHandler.deserialize` reads all that is stored; the v1 API does the same in `NumpyLeafHandler`. The dtype
# that is asked for is obeyed, so a template of int8 makes 0 of each weight below 1. For a `ShapeDtypeStruct` the
# checkpoint decides: saved as NumPy it is restored as NumPy, and not checked either.
#
# For a freeze: what never trains is kept as NumPy to save memory on the device, so that the frozen leaves are those
# that go unchecked, beside trained ones that are. JAX takes an index that is too large for the last row, so the
# model runs, and "frozen leaves equal those that were loaded" holds. Compare shapes with the template afterwards
# (`chex.assert_trees_all_equal_shapes_and_dtypes`), or restore as JAX and take `np.asarray` of the result.

packages=(orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import logging
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.experimental import v1

logging.disable(logging.CRITICAL)
folder = pathlib.Path("saved").resolve()
old = {"frozen": np.linspace(0.1, 0.8, 8, dtype=np.float32).reshape(4, 2), "head": jnp.array([0.3, 0.7])}
checkpointer = ocp.StandardCheckpointer()


def save(name, frozen):
    checkpointer.save(folder / name, old | {"frozen": frozen(old["frozen"])})
    checkpointer.wait_until_finished()
    v1.save(folder / f"{name}, v1", old | {"frozen": frozen(old["frozen"])})


def abstract(leaf):
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def restored(name, leaf, key="frozen"):
    """What comes back where the template has this leaf."""
    template = {"frozen": np.zeros((4, 2), np.float32), "head": jnp.zeros(2)} | {key: leaf}
    load = v1.load if name.endswith("v1") else checkpointer.restore
    return load(folder / name, template)[key]


def outcome(*args):
    try:
        leaf = restored(*args)
    except ValueError as error:
        return f"refused, {str(error).split('. ')[0]}"
    return f"{'NumPy' if isinstance(leaf, np.ndarray) else 'JAX'} {leaf.shape}"


save("NumPy", np.asarray)
save("JAX", jnp.asarray)
rows = np.zeros((6, 2), np.float32)
asked = {"NumPy": rows, "JAX": jnp.asarray(rows), "ShapeDtypeStruct": abstract(rows)}
print("4 rows are stored and 6 asked for")
for saved in ("NumPy", "JAX"):
    for name, leaf in asked.items():
        print(f"  saved as {saved}, asked for as {name}: {outcome(saved, leaf)}")
for saved in ("NumPy, v1", "JAX, v1"):
    for name in ("NumPy", "JAX"):
        print(f"  saved as {saved}, asked for as {name}: {outcome(saved, asked[name])}")
print("  another rank, asked for as NumPy:", outcome("JAX", np.zeros(7, np.float32)))
print("  the trained head, of another length:", outcome("NumPy", jnp.zeros(3), "head"))

table = jnp.asarray(restored("NumPy", rows))
words = jax.jit(lambda table, tokens: table[tokens])(table, jnp.array([3, 4, 5]))
print("the new tokens 4 and 5 have the row of token 3:", bool((words == words[0]).all()))
print("asked for as int8:", restored("NumPy", np.zeros((4, 2), np.int8)).ravel().tolist())
PYTHON
)

expected=$(cat <<'TEXT'
4 rows are stored and 6 asked for
  saved as NumPy, asked for as NumPy: NumPy (4, 2)
  saved as NumPy, asked for as JAX: refused, Requested shape: (6, 2) is not compatible with the stored shape: (4, 2)
  saved as NumPy, asked for as ShapeDtypeStruct: NumPy (4, 2)
  saved as JAX, asked for as NumPy: NumPy (4, 2)
  saved as JAX, asked for as JAX: refused, Requested shape: (6, 2) is not compatible with the stored shape: (4, 2)
  saved as JAX, asked for as ShapeDtypeStruct: refused, Requested shape: (6, 2) is not compatible with the stored shape: (4, 2)
  saved as NumPy, v1, asked for as NumPy: NumPy (4, 2)
  saved as NumPy, v1, asked for as JAX: refused, Requested shape: (6, 2) is not compatible with the stored shape: (4, 2)
  saved as JAX, v1, asked for as NumPy: NumPy (4, 2)
  saved as JAX, v1, asked for as JAX: refused, Requested shape: (6, 2) is not compatible with the stored shape: (4, 2)
  another rank, asked for as NumPy: NumPy (4, 2)
  the trained head, of another length: refused, Requested shape: (3,) is not compatible with the stored shape: (2,)
the new tokens 4 and 5 have the row of token 3: True
asked for as int8: [0, 0, 0, 0, 0, 0, 0, 0]
TEXT
)

. "$(dirname "$0")/judge.bash"
