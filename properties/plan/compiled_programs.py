"""Keeps compiled programs on disk: reading one back takes a third of the time of compiling it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .profiles import CACHE

#: XLA's persistent cache in a folder of the project's own. Even the quickest compilation takes
#: longer than reading it back, so nothing is too small to be kept.
_SETTINGS = {
    "jax_compilation_cache_dir": str(CACHE / "xla"),
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
    # The code that is judged has no part in a folder of ours that cannot be used, or holds another
    # compilation of a program.
    "jax_raise_persistent_cache_errors": False,
    "jax_compilation_cache_check_contents": False,
    "jax_compilation_cache_max_size": -1,
}
#: What JAX warns of where it compiles instead: the folder may be read-only, and of two processes
#: one may read what the other has half written.
_HARMLESS = "Error (reading|writing) persistent compilation cache entry"


def keep_compiled_programs() -> None:
    """Keep the programs of this process; call it before JAX is imported.

    A cache of the user's own stands, with the settings for it.
    """
    settings = {name.upper(): str(value) for name, value in _SETTINGS.items()}
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        settings |= os.environ
    os.environ.update(settings)


@contextmanager
def compiled_programs_kept() -> Iterator[None]:
    """Keep the programs of a block in a process of the user's, whose settings come back after it.

    A cache of the user's own stands, and so does a wish for none.
    """
    import jax  # here: the plan of a run is made without it
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    config: Any = jax.config  # its options are made while JAX is imported
    if config.jax_compilation_cache_dir is not None or not config.jax_enable_compilation_cache:
        yield
        return
    before = {name: getattr(config, name) for name in _SETTINGS}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _HARMLESS, UserWarning)
        try:
            for name, value in _SETTINGS.items():
                config.update(name, value)
            reset_cache()  # JAX holds on to a cache that it has used
            yield
        finally:
            for name, value in before.items():
                config.update(name, value)
            reset_cache()
