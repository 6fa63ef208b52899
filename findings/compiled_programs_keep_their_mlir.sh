#!/usr/bin/env bash
# jax 0.10.2 on a CPU: every compiled program keeps the MLIR module that it was compiled from, in a
# context of its own: over 1 MB for an addition whose compiled code takes a fifth of that.
#
# Expected: what a function was lowered to is an intermediate form. Once it is compiled, calls need
# the executable alone, and the rest can go.
#
# What happens: `jit` remembers the lowered computation beside the executable, in case the same has to
# be compiled again, and each computation holds a whole MLIR context with all dialects loaded. A
# thousand small programs hold a gigabyte of it. `jax.clear_caches()` frees it together with all
# executables; emptying the two caches that hold computations, which are private, frees
# three quarters and more, and no program is compiled again when it is called. In 0.8.1 it is 0.85 of
# 1.35 MB. In 0.12.0.1 the modules are kept as well, but weigh 0.05 of 0.38 MB.
#
# For a freeze: whoever trains under many optimizers, shapes and masks in one process (a sweep, a test
# suite) runs out of memory long before the programs are what takes it. Count programs, not arrays.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import ctypes
import gc
from pathlib import Path

import jax
import jax.numpy as jnp
from jax._src import pjit
from jax._src.interpreters import pxla

PROGRAMS = 200
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **rest: event.endswith("backend_compile_duration") and compiled.append(1)
)
x = jnp.ones((4, 3))


def held():
    """Megabytes of this process, once what was freed is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def modules():
    kinds = (type(each) for each in gc.get_objects())
    return sum(kind.__name__ == "Module" and "mlir" in str(kind.__module__) for kind in kinds)


def call():
    for function in functions:
        function(x)


jax.jit(lambda x: x - 1)(x)
before, known = held(), modules()
functions = [jax.jit(lambda x, number=number: x + number) for number in range(PROGRAMS)]
call()
print("compiled:", len(compiled) >= PROGRAMS and PROGRAMS)
print("MLIR modules kept:", modules() - known)
kept = (held() - before) / PROGRAMS
print("over 1 MB a program:", kept > 1)

pjit._pjit_lower.cache_clear()
pxla._cached_lowering_to_hlo.cache_clear()
needed = (held() - before) / PROGRAMS
print("MLIR modules left without what was lowered:", modules())
print("under a third of it left:", needed < kept / 3)
compiled.clear()
call()
print("compiled again:", len(compiled))
PYTHON
)

expected=$(cat <<'TEXT'
compiled: 200
MLIR modules kept: 200
over 1 MB a program: True
MLIR modules left without what was lowered: 0
under a third of it left: True
compiled again: 0
TEXT
)

. "$(dirname "$0")/judge.bash"
