"""Every format is told from its files, and gives each leaf bit for bit, a piece at a time."""

import json
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from frostproof.properties.meta.reference.checkpoints.saving import (
    FORMATS,
    holds,
    nested,
    save,
    skeleton,
)
from frostproof.reference.checkpoints import formats
from frostproof.reference.checkpoints.formats import open_checkpoint
from frostproof.reference.checkpoints.stored_leaf import PIECE, UnusableCheckpoint, whole

DTYPES = (
    np.float32, np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn,
    ml_dtypes.float8_e5m2, np.int32, np.uint8, np.complex64,
)  # fmt: skip


def tree_for(form):
    """Leaves of all dtypes that a format holds, of no, one and two dimensions, and a large one."""
    random = np.random.default_rng(7)
    tree = {}
    for dtype in map(np.dtype, DTYPES):
        for shape in ((), (5,), (3, 4), (0, 2)):
            raw = random.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8)
            array = raw.reshape(-1).view(dtype).reshape(shape)
            if holds(form, array):
                tree["params", dtype.name, f"of{len(shape)}x{array.size}"] = array
    tree["params", "large"] = random.standard_normal((300, 301)).astype(np.float32)
    return tree


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_gives_back_what_was_saved(form, tmp_path):
    """Paths, dtypes, shapes and bits, NaN payloads included."""
    tree = tree_for(form)
    save(form, tree, tmp_path / "checkpoint")

    with open_checkpoint(tmp_path / "checkpoint", skeleton(tree)) as opened:
        found = {path: whole(leaf) for path, leaf in opened.leaves.items()}
        pieces = [piece.nbytes for piece in opened.leaves["params", "large"].pieces()]

    assert found.keys() == tree.keys()
    for path, array in tree.items():
        assert found[path].dtype == array.dtype, path
        assert found[path].shape == array.shape, path
        assert found[path].tobytes() == array.tobytes(), path
    if form not in ("orbax", "npz compressed"):  # of one chunk, and by columns
        assert max(pieces) <= 2 * PIECE


def test_texts_and_dates_beside_arrays_are_no_leaves(tmp_path):
    """As in other formats: a configuration is often saved with what it made."""
    date = np.datetime64("2030-01-31")
    np.savez(tmp_path / "m.npz", config="{'width': 8}", date=date, kernel=np.ones(2))

    with open_checkpoint(tmp_path / "m.npz") as opened:
        assert list(opened.leaves) == [("kernel",)]


def test_steps_of_a_manager_are_named(tmp_path):
    """A folder of several steps is not guessed; a step with several items has their names first."""
    import orbax.checkpoint as ocp

    place = tmp_path.absolute() / "run"
    weights = {"l1": np.arange(3.0)}
    with ocp.CheckpointManager(place, item_names=("params", "ema")) as manager:
        for step in (1, 2):
            arguments = {name: ocp.args.StandardSave(weights) for name in ("params", "ema")}
            manager.save(step, args=ocp.args.Composite(**arguments))

    with pytest.raises(
        UnusableCheckpoint, match=r"holds the steps 1, 2: name one, such as .*run/2"
    ):
        open_checkpoint(place)
    with open_checkpoint(place / "2") as opened:
        assert set(opened.leaves) == {("params", "l1"), ("ema", "l1")}


_SHARDED = """
import jax, numpy as np, orbax.checkpoint as ocp, sys
mesh = jax.make_mesh((2, 2), ("x", "y"))
spec = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x", "y"))
array = jax.device_put(np.arange(24, dtype=np.float32).reshape(4, 6), spec)
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(sys.argv[1], {"w": array, "key": jax.random.key(3)})
"""


def test_a_sharded_checkpoint_is_read_where_there_are_no_such_devices(tmp_path):
    """Saved from four devices in two by two, with a PRNG key beside it."""
    environment = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    place = tmp_path.absolute() / "sharded"
    subprocess.run(
        [sys.executable, "-c", _SHARDED, place], check=True, env=os.environ | environment
    )

    with open_checkpoint(place) as opened:
        assert (whole(opened.leaves["w",]) == np.arange(24).reshape(4, 6)).all()
        assert opened.leaves["key",].shape == (2,)


def test_flax_training_checkpoints_are_found_in_their_folder(tmp_path):
    """The older ones, a msgpack file each."""
    import flax
    from flax.training import checkpoints

    flax.config.update("flax_use_orbax_checkpointing", False)
    checkpoints.save_checkpoint(str(tmp_path), {"w": np.arange(3.0)}, step=7)

    with open_checkpoint(tmp_path) as opened:
        assert opened.format == "Flax msgpack"
        assert whole(opened.leaves["w",]).tolist() == [0, 1, 2]


def test_a_large_array_in_parts_is_one_leaf(tmp_path, monkeypatch):
    """Flax splits arrays above a GiB; here above 64 bytes."""
    from flax import serialization

    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", 64)
    array = np.arange(50, dtype=np.float32).reshape(5, 10)
    (tmp_path / "m").write_bytes(
        serialization.to_bytes({"w": array, "step": 3, "name": "text" * 30_000})
    )

    with open_checkpoint(tmp_path / "m") as opened:
        assert set(opened.leaves) == {("w",), ("step",)}
        assert (whole(opened.leaves["w",]) == array).all()


def test_an_equinox_file_may_begin_with_hyperparameters(tmp_path):
    """As Equinox's documentation has it; without a skeleton the line says what is missing."""
    equinox = pytest.importorskip("equinox")
    import jax

    model = equinox.nn.Linear(2, 3, key=jax.random.key(0))
    with open(tmp_path / "m.eqx", "wb") as file:
        file.write(json.dumps({"depth": 1}).encode() + b"\n")
        equinox.tree_serialise_leaves(file, model)

    with open_checkpoint(tmp_path / "m.eqx", lambda: model) as opened:
        assert (whole(opened.leaves["weight",]) == model.weight).all()
    with pytest.raises(UnusableCheckpoint, match="add --skeleton"):
        open_checkpoint(tmp_path / "m.eqx")
    other = equinox.nn.Linear(2, 4, key=jax.random.key(0))
    with pytest.raises(UnusableCheckpoint, match=r"weight is of shape \[4, 2\] in the skel"):
        open_checkpoint(tmp_path / "m.eqx", lambda: other)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    """In one line, with the command that installs it."""
    (tmp_path / "m.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, f"{formats.__package__}.safetensors", raising=False)

    with pytest.raises(
        UnusableCheckpoint, match=r"needs safetensors: pip install 'frostproof\[saf"
    ):
        open_checkpoint(tmp_path / "m.safetensors")


def test_the_savers_name_what_they_save():
    """The nested form has every leaf."""
    assert nested({("a", "b"): 1, ("a", "c"): 2}) == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("zipped", [True, False], ids=["zipped", "as before 1.6"])
def test_tensors_of_one_storage_are_told_apart(tmp_path, zipped):
    """Parts of a tensor are saved with the whole of it; a transposed one lies by columns."""
    torch = pytest.importorskip("torch")
    full = torch.arange(24.0).reshape(4, 6)
    turned = torch.view_as_complex(torch.arange(24.0).reshape(4, 3, 2)).conj()
    tensors = {"rows": full[1:3], "row": full[2], "columns": full.t(), "conjugate": turned}
    torch.save(tensors, tmp_path / "model.pt", _use_new_zipfile_serialization=zipped)

    with open_checkpoint(tmp_path / "model.pt") as checkpoint:
        read = {path: whole(leaf) for path, leaf in checkpoint.leaves.items()}

    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name,], tensor.resolve_conj().numpy())
