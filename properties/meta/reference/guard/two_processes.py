"""A program for two processes that train together: `two_processes.py PORT NUMBER FILE`.

What it sees goes to the file: Gloo prints of its connections, in pieces and at any time.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import frostproof

PORT, NUMBER, FILE = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
LEAF = np.random.default_rng(0).normal(size=(8, 256)).astype(np.float32)


def spread(leaf, *spec):
    """Return an array that lies on the devices of both processes."""
    sharding = NamedSharding(jax.make_mesh((4,), ("x",)), PartitionSpec(*spec))
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index])


def verdict(name, look):
    """Return what a check says here."""
    try:
        look()
    except AssertionError as error:
        return " ".join([name, *str(error).splitlines()[2:]])
    return f"{name} kept"


def main():
    """Let each process look at kept and at moved leaves: both see the same."""
    jax.distributed.initialize(f"127.0.0.1:{PORT}", num_processes=2, process_id=NUMBER)
    start = {
        "spread": spread(LEAF, "x"),
        "everywhere": spread(LEAF),
        "own": jnp.asarray(LEAF),
        "head": spread(LEAF, "x"),
    }
    guard = frostproof.Guard(start, ("spread", "everywhere", "own"))
    other = {**start, "spread": spread(LEAF, None, "x")}
    seen = [
        verdict("start", lambda: guard.check(start)),
        verdict("other sharding", lambda: guard.check(other)),
    ]

    # Moved in what the second process holds, and there alone.
    after = LEAF.copy()
    after[7, 255] += 1
    moved = LEAF + NUMBER
    for name, leaf in [
        ("spread", spread(after, "x")),
        ("everywhere", spread(moved)),
        ("own", jnp.asarray(moved)),
    ]:
        now = {**start, name: leaf}
        seen.append(verdict(name, lambda now=now: guard.check(now)))
        if name != "own":
            del now["own"]  # an array of one process cannot be an argument beside shared ones
            inside = frostproof.Guard({**start, "own": 0.0}, ("spread", "everywhere"))
            token = jax.jit(inside.check)(now)
            seen.append(verdict(f"token of {name}", lambda t=token, g=inside: g.check(t)))
    seen.append(str(guard.report()).replace("\n", "; "))
    FILE.write_text("\n".join(seen))


if __name__ == "__main__":
    main()
