"""Saves a tree of NumPy arrays in each format, by the library that owns it, as users do."""

from __future__ import annotations

from importlib.util import find_spec

import ml_dtypes
import numpy as np

#: Of what each format holds; without an entry it holds all that are tried.
HOLDS = {
    "keras": {"float32", "float64", "float16", "int32", "uint8", "bfloat16"},
    "hdf5": {"float32", "float64", "float16", "int32", "uint8"},
    "npz": {"float32", "float64", "float16", "int32", "uint8", "bfloat16", "complex64"},
    "npz compressed": {"float32", "float64", "float16", "int32", "uint8", "bfloat16", "complex64"},
    "safetensors": {"float32", "float64", "float16", "int32", "uint8", "bfloat16",
                    "float8_e4m3fn", "float8_e5m2"},
    "pytorch": {"float32", "float64", "float16", "int32", "uint8", "bfloat16", "complex64",
                "float8_e4m3fn", "float8_e5m2"},
}  # fmt: skip
HOLDS["safetensors, sharded"] = HOLDS["safetensors"]
#: NumPy writes `<f1` for one of the float8 and does not read it again, so Equinox does not either.
HOLDS["equinox"] = HOLDS["npz"] | {"float8_e4m3fn"}
_NEEDS = {"safetensors": "safetensors", "safetensors, sharded": "safetensors", "hdf5": "h5py",
          "equinox": "equinox", "pytorch": "torch", "keras": "h5py"}  # fmt: skip


def nested(tree):
    """Return leaves by path as nested dicts."""
    found = {}
    for path, array in tree.items():
        inside = found
        for segment in path[:-1]:
            inside = inside.setdefault(segment, {})
        inside[path[-1]] = array
    return found


def _orbax(tree, place):
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(place.absolute(), nested(tree))


def _orbax_files(tree, place):
    """Without OCDBT, and in chunks: as arrays that are sharded by rows are stored."""
    import jax
    import orbax.checkpoint as ocp

    values = nested(tree)
    arguments = jax.tree.map(lambda _: ocp.SaveArgs(chunk_byte_size=256), values)
    with ocp.PyTreeCheckpointer(use_ocdbt=False) as checkpointer:
        checkpointer.save(place.absolute(), values, save_args=arguments)


def _msgpack(tree, place):
    from flax import serialization

    place.write_bytes(serialization.to_bytes(nested(tree)))


def _npz(tree, place):
    with open(place, "wb") as file:  # given a path, NumPy would add a suffix
        np.savez(file, **{"/".join(path): array for path, array in tree.items()})


def _npz_compressed(tree, place):
    by_columns = {"/".join(path): np.array(array, order="F") for path, array in tree.items()}
    with open(place, "wb") as file:
        np.savez_compressed(file, **by_columns)


def _safetensors(tree, place):
    from safetensors.numpy import save_file

    save_file({".".join(path): np.asarray(array) for path, array in tree.items()}, place)


def _safetensors_sharded(tree, place):
    import json

    place.mkdir()
    shards = {}
    for number, (path, array) in enumerate(tree.items()):
        shard = f"model-{number % 2}.safetensors"
        shards.setdefault(shard, {})[path] = array
    for shard, leaves in shards.items():
        _safetensors(leaves, place / shard)
    index = {".".join(path): shard for shard, leaves in shards.items() for path in leaves}
    (place / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))


def _hdf5(tree, place):
    import h5py

    with h5py.File(place, "w") as file:
        for path, array in tree.items():
            file["/".join(path)] = array


def _keras(tree, place):
    """As Keras does: the weights within a zip, uncompressed, bfloat16 with an attribute."""
    import io
    import zipfile

    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, array in tree.items():
            stored = file.create_dataset("/".join(path), data=array)
            if array.dtype == ml_dtypes.bfloat16:
                stored.attrs["dtype"] = "bfloat16"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", buffer.getvalue())


def _equinox(tree, place):
    import equinox

    with open(place, "wb") as file:  # given a path, Equinox would add a suffix
        equinox.tree_serialise_leaves(file, nested(tree))


def _pytorch(tree, place):
    import torch

    torch_names = HOLDS["npz"] - {"bfloat16"}

    def tensor(array):
        if array.dtype.name in torch_names:
            return torch.from_numpy(np.array(array))
        whole = torch.from_numpy(np.array(array).view(f"u{array.itemsize}"))
        return whole.view(getattr(torch, array.dtype.name))

    torch.save({".".join(path): tensor(array) for path, array in tree.items()}, place)


_SAVERS = {
    "orbax": _orbax,
    "orbax, without OCDBT": _orbax_files,
    "msgpack": _msgpack,
    "npz": _npz,
    "npz compressed": _npz_compressed,
    "safetensors": _safetensors,
    "safetensors, sharded": _safetensors_sharded,
    "hdf5": _hdf5,
    "keras": _keras,
    "equinox": _equinox,
    "pytorch": _pytorch,
}
#: The formats of which the library is installed.
FORMATS = [name for name in _SAVERS if find_spec(_NEEDS.get(name, "flax"))]


def save(form, tree, place):
    """Save leaves by path as a file or folder of a format."""
    _SAVERS[form](tree, place)


def skeleton(tree):
    """Return what makes a model such as the tree, for formats without names."""
    return lambda: nested(tree)


def holds(form, array):
    """Tell whether a format holds arrays of this dtype and size."""
    if array.dtype.name not in HOLDS.get(form, {array.dtype.name}):
        return False
    return array.size > 0 or not form.startswith("orbax")
