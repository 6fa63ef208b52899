"""Tells moved leaves that layers of NNX keep beside their parameters from parameters."""

from __future__ import annotations

from collections.abc import Mapping

from .paths import Path, path_text

#: NNX's own variables that a layer changes by itself, where it is called in training mode.
_KINDS = frozenset({"BatchStat", "Cache", "RngCount", "RngKey"})
_LISTED = 3


def layer_state_hint(kinds: Mapping[Path, str | None]) -> list[str]:
    """Return the lines that say which of the moved leaves are state of their layers, if any is.

    Args:
        kinds: the name of the type of the NNX variable of each moved leaf.
    """
    found = {path: kind for path, kind in sorted(kinds.items()) if kind in _KINDS}
    if not found:
        return []
    names = [f"{path_text(path)} ({kind})" for path, kind in found.items()]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    told = (
        f"Not a parameter: {', '.join(names[:_LISTED])}{more}. Layers in training mode change such "
        "state: put them into evaluation mode by `.eval()`, or compare `nnx.state(model, "
        "nnx.Param)` in place of the model."
    )
    return ["", told]
