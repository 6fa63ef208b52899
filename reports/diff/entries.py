"""A leaf of a diff as JSON holds it: in the journal, and in what `--json` prints."""

from __future__ import annotations

import math
from typing import Any

from ...properties.checkpoints.judging import Judged
from ...properties.checkpoints.verdicts import numbers
from ...reference.pytrees.paths import path_text


def entry_of(judged: Judged) -> dict[str, Any]:
    """Return what is known of a leaf; numbers that JSON has no word for are strings."""
    leaf = judged.pair.after or judged.pair.before
    assert leaf is not None
    entry: dict[str, Any] = {
        "leaf": path_text(judged.path),
        "role": str(judged.role),
        "shape": list(leaf.shape),
        "dtype": str(leaf.dtype),
        "moved": judged.moved,
    }
    if judged.pair.form_change is not None:
        entry["what"] = judged.pair.form_change
    found = judged.difference
    if found is not None and found.change is not None:
        entry |= {"changed": found.change.count, "of": found.change.size}
        entry |= {"index": list(found.change.index or ())} | numbers(found.change)
        entry |= {"relative": found.relative, "keeps_value": found.keeps_value}
        # Of a leaf that was asked only whether it moved, the numbers are of the part that was read.
        entry |= {"keeps_norm": found.keeps_norm, "complete": found.complete}
    if judged.cause is not None:
        entry["cause"] = judged.cause
    if judged.drift is not None:
        entry["drift"] = {"changed": judged.drift.count} | numbers(judged.drift)
    return {name: _plain(value) for name, value in entry.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
