"""Time that does not pass faster on a busy machine: what a run rests on is the same on any."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic  # by itself: a subject may replace `time.monotonic`


def own_time(process: int | None = None) -> float:
    """Return seconds that pass while a process works, or sleeps; not while it waits for a core.

    Args:
        process: the id of the process; this one, by default.

    Returns:
        Seconds since an unknown moment. Where the system does not tell how long a process waited
        (Linux does, for the first thread of each), all seconds count.
    """
    try:
        # Seconds at work, nanoseconds in line for a core, and how often it got one.
        _, waited, _ = Path(f"/proc/{process or os.getpid()}/schedstat").read_text().split()
    except (OSError, ValueError):
        return monotonic()
    return monotonic() - int(waited) / 1e9
