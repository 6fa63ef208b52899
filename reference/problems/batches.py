"""Batches as records for JSON, read back bit for bit, and in a few words, however large."""

from __future__ import annotations

import base64
import math
import zlib
from collections import namedtuple
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

#: Elements of an array whose values are written out; a larger one is packed and summarised.
WRITTEN_OUT = 64
#: Values of a larger array that a person sees.
_FIRST = 6


class Batch(NamedTuple):
    """Inputs x and targets y, NumPy arrays with rows in front, or pytrees of such."""

    x: Any
    y: Any


def write_batch(batch: Any) -> dict[str, Any]:
    """Write a batch of arrays, or of nested containers of them, as JSON."""
    if batch is None:
        return {"none": True}
    if isinstance(batch, np.ndarray):
        return _write_array(batch)
    if isinstance(batch, Mapping):
        return {"mapping": {str(key): write_batch(entry) for key, entry in batch.items()}}
    if hasattr(batch, "_fields"):  # a named tuple
        parts = zip(batch._fields, batch, strict=True)
        named = {name: write_batch(part) for name, part in parts}
        return {"named": type(batch).__name__, "fields": named}
    return {"sequence": [write_batch(entry) for entry in batch], "of": type(batch).__name__}


def _write_array(array: np.ndarray) -> dict[str, Any]:
    known = {"dtype": array.dtype.name, "shape": list(array.shape)}
    first = array.ravel()[:_FIRST].tolist()
    packed = {"packed": pack(array.tobytes())}
    if array.dtype.kind in "SUMm":  # text and dates, whose dtypes have no other name
        known["dtype"] = array.dtype.str
    if array.dtype.kind in "cSUMm":  # which JSON lacks, or has no sizes of
        return known | {"first": list(map(str, first))} | packed
    if array.size <= WRITTEN_OUT:
        return known | {"values": array.tolist()}
    span = array.astype(np.float64) if array.dtype.kind == "V" else array  # bfloat16, int4…
    return known | {"range": [span.min().item(), span.max().item()], "first": first} | packed


def pack(content: bytes) -> str:
    """Return bytes as text, which `unpack` reads."""
    return base64.b64encode(zlib.compress(content)).decode()


def unpack(text: str) -> bytes:
    """Return the bytes of `pack`; raises `ValueError` for another text."""
    try:
        return zlib.decompress(base64.b64decode(text))
    except zlib.error as error:
        raise ValueError(f"the packed array is damaged: {error}") from None


def read_batch(written: Mapping[str, Any]) -> Any:
    """Read a batch back; a named tuple becomes one of the same name and fields.

    Raises `ValueError` where an array lies in a file that is gone.
    """
    if "none" in written:
        return None
    if "mapping" in written:
        return {key: read_batch(entry) for key, entry in written["mapping"].items()}
    if "sequence" in written:
        entries = [read_batch(entry) for entry in written["sequence"]]
        return entries if written.get("of") == "list" else tuple(entries)
    if "named" in written:
        parts = {name: read_batch(part) for name, part in written["fields"].items()}
        if (written["named"], *parts) == ("Batch", "x", "y"):
            return Batch(**parts)
        return namedtuple(written["named"], list(parts))(**parts)
    if "dtype" not in written:  # as releases up to 0.1.0 wrote a batch
        return Batch(read_batch(written["x"]), read_batch(written["y"]))
    dtype = getattr(ml_dtypes, written["dtype"], written["dtype"])
    if "file" in written:
        raise ValueError(f"its batch is not beside the report any more: {written['file']}")
    if "packed" in written:
        flat = np.frombuffer(unpack(written["packed"]), dtype)
        return flat.reshape(written["shape"]).copy()
    return np.array(written["values"], dtype).reshape(written["shape"])


def batch_text(written: Mapping[str, Any]) -> str:
    """Show a recorded batch in a few words: `Batch(x=float32[8, 3] from -2.1 to 1.9, …)`."""
    if "none" in written:
        return "None"
    if "mapping" in written:
        entries = [f"{key!r}: {batch_text(each)}" for key, each in written["mapping"].items()]
        return "{" + ", ".join(entries) + "}"
    if "sequence" in written:
        return "(" + ", ".join(map(batch_text, written["sequence"])) + ")"
    if "named" in written or "dtype" not in written:
        fields = written.get("fields", written)
        parts = ", ".join(f"{name}={batch_text(part)}" for name, part in fields.items())
        return f"{written.get('named', 'Batch')}({parts})"
    form = f"{written['dtype']}{written['shape']}"
    if "first" not in written:
        return f"{form} {written['values']}"
    first = ", ".join(map(_short, written["first"]))
    span = written.get("range")
    between = f" from {_short(span[0])} to {_short(span[1])}" if span else ""
    return f"{form}{between}, first {first}{', …' * (math.prod(written['shape']) > _FIRST)}"


def _short(number: Any) -> str:
    return f"{number:.4g}" if isinstance(number, float) else str(number)
