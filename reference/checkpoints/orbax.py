"""Orbax: what its checkpointers and CheckpointManager save, with OCDBT or not, sharded or not.

Orbax says what there is. The arrays themselves are TensorStore's, which reads parts of them:
Orbax would restore whole trees, onto the devices that they were saved from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from ..pytrees.paths import Path, named_leaves
from ..pytrees.snapshot import Array
from .dtype_names import numeric_dtype
from .stored_leaf import Checkpoint, StoredLeaf, by_path

#: What an unfinished folder has in its name.
_UNFINISHED = ".orbax-checkpoint-tmp"
_TREE, _STORE = "_METADATA", "manifest.ocdbt"
#: How many times its own size TensorStore takes to read an array that is one compressed chunk.
#: Measured on random float32, which hardly gets smaller: 1.65 on 512 MiB, 1.95 on 256 MiB.
_OVERHEAD = 2


def is_orbax(folder: FilePath) -> bool:
    """Whether this is a folder that Orbax writes: a tree, a step with items, or steps."""
    if not folder.is_dir():
        return False
    if _UNFINISHED in folder.name or any((folder / name).exists() for name in (_TREE, _STORE)):
        return True
    return bool(_steps(folder) or _items(folder) or (folder / "_CHECKPOINT_METADATA").exists())


def open_orbax(folder: FilePath) -> Checkpoint:
    """Open a tree, or a step of a CheckpointManager with one tree or several.

    Raises `ValueError`, or what Orbax and TensorStore raise.
    """
    if _UNFINISHED in folder.name:
        raise ValueError("it was not finished: Orbax renames a folder when all is written")
    if steps := _steps(folder):
        if len(steps) > 1:
            names = ", ".join(step.name for step in steps[:20])
            raise ValueError(f"it holds the steps {names}: name one, such as {steps[-1]}")
        return open_orbax(steps[0])
    if (folder / _TREE).exists():
        return Checkpoint(folder, "Orbax", by_path(_leaves(folder, ())))
    items = _items(folder)
    if not items:
        raise ValueError(f"it holds no {_TREE}: Orbax did not finish it, or parts were removed")
    leaves = [
        leaf for item in items for leaf in _leaves(item, () if len(items) == 1 else (item.name,))
    ]
    return Checkpoint(folder, "Orbax", by_path(leaves))


def _steps(folder: FilePath) -> list[FilePath]:
    """The steps of a CheckpointManager, in order: folders that are named by numbers."""
    numbered = [each for each in folder.iterdir() if each.is_dir() and each.name.isdecimal()]
    return sorted((each for each in numbered if is_orbax(each)), key=lambda each: int(each.name))


def _items(folder: FilePath) -> list[FilePath]:
    return sorted(each.parent for each in folder.glob(f"*/{_TREE}"))


def _leaves(folder: FilePath, prefix: Path) -> Iterator[StoredLeaf]:
    import orbax.checkpoint as ocp

    with ocp.PyTreeCheckpointer() as reader:
        known = reader.metadata(folder.absolute())
    known = getattr(known, "item_metadata", known)
    driver = "zarr3" if known.use_zarr3 else "zarr"
    for path, metadata in named_leaves(known.tree).items():
        if getattr(metadata, "shape", None) is None or getattr(metadata, "dtype", None) is None:
            continue  # a text, or an empty container
        yield _leaf(prefix + path, {"driver": driver, "kvstore": _place(folder, metadata.name)})


def _place(folder: FilePath, name: str) -> dict[str, Any]:
    files = {"driver": "file", "path": f"{folder.absolute()}/"}
    if (folder / _STORE).exists():
        return {"driver": "ocdbt", "base": files, "path": f"{name}/"}
    return files | {"path": f"{folder.absolute()}/{name}/"}


def _leaf(path: Path, spec: dict[str, Any]) -> StoredLeaf:
    import tensorstore

    # Without a cache, since each chunk is read once; mapped, which spares a copy (2.1 to 1.6 s for
    # 512 MiB).
    context = tensorstore.Context(
        {"cache_pool": {"total_bytes_limit": 0}, "file_io_mode": {"mode": "memmap"}}
    )

    def opened() -> Any:
        return tensorstore.open(spec, open=True, read=True, context=context).result()

    store = opened()
    dtype, shape = numeric_dtype(store.dtype.name), tuple(store.shape)
    rows = _rows_of_a_chunk(store)

    def pieces() -> Iterator[Array]:
        store = opened()
        if rows is None:
            yield store.read(order="C").result().reshape(-1)
            return
        for row in range(0, shape[0], rows):
            yield store[row : min(row + rows, shape[0])].read(order="C").result().reshape(-1)

    held = math.prod((rows, *shape[1:])) if rows else math.prod(shape)
    return StoredLeaf(path, dtype, shape, pieces, _OVERHEAD * held * dtype.itemsize)


def _rows_of_a_chunk(store: Any) -> int | None:
    """How many rows to read at once, which are whole chunks; None for an array of one chunk, or of
    chunks that split other dimensions only.
    """
    if not store.shape or 0 in store.shape:
        return None
    rows = store.chunk_layout.read_chunk.shape[0]
    return int(rows) if 0 < rows < store.shape[0] else None
