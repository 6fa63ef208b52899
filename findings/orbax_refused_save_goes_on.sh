#!/usr/bin/env bash
# Orbax 0.12.8: a save that is refused goes on in a thread, which outlives the closed checkpointer.
#
# Expected: `save` raises ValueError for a leaf that it cannot store, and that was all: leaving the `with`
# block ends whatever the checkpointer had begun, and nothing is on disk.
#
# What happens: `StandardCheckpointer` begins to make the folder in a thread before it looks at the
# leaves. The error does not stop that thread, and the end of the `with` block does not wait for it: it
# fails where it wants to write through what was closed, and logs the traceback of another error beside
# the one that tells what is wrong. An unfinished folder is left. A `Checkpointer` around the same
# handler, which saves in the caller's thread, leaves the folder, too, and logs nothing.
#
# For a freeze: a state that keeps a mask as a function, or a name, is refused like this, and the last
# traceback in the log is not the cause.

packages=(orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import logging
import os
import tempfile
import time

import jax.numpy as jnp
import orbax.checkpoint as ocp


class Seen(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage().rpartition("exception: ")[2])


logging.getLogger("absl").addHandler(Seen(level=logging.ERROR))
logging.getLogger("absl").propagate = False
state = {"kernel": jnp.ones(3), "mask": lambda path: path[0] == "head"}
said = []


def refused(checkpointer, wait):
    """Save a state with a function in it, then close, and tell what comes up to `wait` seconds later."""
    folder = tempfile.mkdtemp()
    try:
        with checkpointer:
            checkpointer.save(f"{folder}/state", state)
    except ValueError as error:
        print("  ValueError:", error)
    end = time.monotonic() + wait
    while not said and time.monotonic() < end:
        time.sleep(0.01)
    left = ["unfinished" if ".orbax-checkpoint-tmp" in name else name for name in os.listdir(folder)]
    print("  logged after it was closed:", said, "left on disk:", left)
    said.clear()


print("StandardCheckpointer")
refused(ocp.StandardCheckpointer(), wait=60)
print("Checkpointer(StandardCheckpointHandler())")
refused(ocp.Checkpointer(ocp.StandardCheckpointHandler()), wait=2)
PYTHON
)

expected=$(cat <<'TEXT'
StandardCheckpointer
  ValueError: Unsupported type: <class 'function'> for key: ('mask',).
  logged after it was closed: ['cannot schedule new futures after shutdown'] left on disk: ['unfinished']
Checkpointer(StandardCheckpointHandler())
  ValueError: Unsupported type: <class 'function'> for key: ('mask',).
  logged after it was closed: [] left on disk: ['unfinished']
TEXT
)

. "$(dirname "$0")/judge.bash"
