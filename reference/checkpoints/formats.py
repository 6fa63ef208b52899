"""The formats of checkpoints: each is told from its files, and read by the library that owns it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from .orbax import is_orbax
from .stored_leaf import Checkpoint, StoredLeaf, UnusableCheckpoint

_ZIP, _HDF5, _NPY = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY"
#: The first bytes of `torch.save` before PyTorch 1.6: a pickle of a certain number.
_OLD_PYTORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".dill")
_HEAD = 16


class Format(NamedTuple):
    """A format: the module of its reader, the function there, and the extra that brings its
    library.
    """

    module: str
    opens: str
    extra: str | None = None


_ORBAX = Format("orbax", "open_orbax")
_MSGPACK = Format("flax_msgpack", "open_flax_msgpack")
_NPZ = Format("npz", "open_npz")
_SAFETENSORS = Format("safetensors", "open_safetensors", "safetensors")
_KERAS = Format("keras", "open_keras", "hdf5")
_PYTORCH = Format("pytorch", "open_pytorch", "pytorch")
_EQUINOX = Format("equinox", "open_equinox", "equinox")


def open_checkpoint(file: str | FilePath, skeleton: Callable[[], Any] | None = None) -> Checkpoint:
    """Open a checkpoint, whatever its format; no element is read yet.

    `skeleton` makes a model such as the one saved, for a format without names (Equinox).

    Raises `UnusableCheckpoint`, in one line: there is no file, it is empty, damaged or of no known
    format, it is a pickle, or the extra that reads it is not installed. So do its leaves' pieces.
    """
    file = FilePath(file)
    found = _located(file)
    form = _told(found)
    try:
        module = import_module(f".{form.module}", __package__)
    except ModuleNotFoundError as error:
        raise UnusableCheckpoint(
            file, f"reading it needs {error.name}: pip install 'frostproof[{form.extra}]'"
        ) from None
    arguments: list[Any] = [found]
    if form is _EQUINOX:
        if skeleton is None:
            raise UnusableCheckpoint(
                file, "an .eqx file has no names: add --skeleton pkg.mod:name, which makes a model"
            )
        arguments.append(skeleton)
    try:
        opened: Checkpoint = getattr(module, form.opens)(*arguments)
    except UnusableCheckpoint:
        raise
    except Exception as error:  # a damaged file: libraries raise what they like
        raise UnusableCheckpoint(file, _first_line(error)) from None
    if not opened.leaves:
        opened.resources.close()
        raise UnusableCheckpoint(file, "it holds no arrays")
    leaves = {path: _guarded(file, leaf) for path, leaf in opened.leaves.items()}
    return replace(opened, file=file, leaves=leaves)


def _located(file: FilePath) -> FilePath:
    """What there is to read at a path: of a folder of Flax's older checkpoints the one in it."""
    try:
        if not file.exists():
            raise UnusableCheckpoint(file, "there is no such file or folder")
        if file.is_dir() and not is_orbax(file):
            numbered = sorted(file.glob("checkpoint_*"))
            if len(numbered) > 1:
                names = ", ".join(each.name for each in numbered[:20])
                raise UnusableCheckpoint(file, f"it holds {names}: name one of them")
            return numbered[0] if numbered else file
    except OSError as error:  # such as a circle of symbolic links, or a name too long
        raise UnusableCheckpoint(file, error.strerror or str(error)) from None
    return file


def _told(file: FilePath) -> Format:
    if file.is_dir():
        if is_orbax(file):
            return _ORBAX
        if len(list(file.glob("*.safetensors.index.json"))) == 1:
            return _SAFETENSORS
        raise UnusableCheckpoint(file, "a folder that holds no checkpoint of a known format")
    try:
        with open(file, "rb") as opened:
            head = opened.read(_HEAD)
    except OSError as error:
        raise UnusableCheckpoint(file, error.strerror or str(error)) from None
    if not head:
        raise UnusableCheckpoint(file, "it is empty")
    if head.startswith(_ZIP):
        return _of_zip(file)
    if head.startswith(_OLD_PYTORCH):
        return _PYTORCH
    if file.suffix in _PICKLES or (head[0] == 0x80 and len(head) > 1 and 2 <= head[1] <= 5):
        raise UnusableCheckpoint(
            file, "it is a pickle, and nothing is ever unpickled here: save the arrays as .npz"
        )
    if head.startswith(_HDF5):
        return _KERAS
    if file.suffix == ".npy":  # else Equinox, whose files begin with such an array
        raise UnusableCheckpoint(
            file, "it is one array without a name: save the arrays of both as .npz, by np.savez"
        )
    if file.name.endswith(".index.json") or head[8:9] == b"{":
        return _SAFETENSORS
    if head.startswith((_NPY, b"{")):
        return _EQUINOX
    if 0x80 <= head[0] <= 0x8F or head[0] in (0xDE, 0xDF):
        return _MSGPACK
    raise UnusableCheckpoint(file, "it is of no format that is known here")


def _of_zip(file: FilePath) -> Format:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnusableCheckpoint(file, f"not a whole zip: {_first_line(error)}") from None
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return _PYTORCH
    if any(name.endswith(".weights.h5") for name in names):
        return _KERAS
    if names and all(name.endswith(".npy") for name in names):
        return _NPZ
    raise UnusableCheckpoint(file, "a zip that holds no checkpoint of a known format")


def _guarded(file: FilePath, leaf: StoredLeaf) -> StoredLeaf:
    """The leaf, whose reader says in one line that pieces cannot be read, or are too few."""

    def pieces() -> Iterator[Any]:
        left = leaf.size
        try:
            for piece in leaf.pieces():
                left -= piece.size
                yield piece
        except UnusableCheckpoint:
            raise
        except Exception as error:
            reason = f"{'/'.join(leaf.path)} cannot be read: {_first_line(error)}"
            raise UnusableCheckpoint(file, reason) from None
        if left:
            reason = f"{'/'.join(leaf.path)} has {leaf.size - left} of {leaf.size} elements"
            raise UnusableCheckpoint(file, reason)

    return replace(leaf, pieces=pieces)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return text[:300] or type(error).__name__
