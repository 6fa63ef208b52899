"""A program for two processes that train together: `two_processes.py PORT NUMBER`."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import frostproof

PORT, NUMBER = map(int, sys.argv[1:])
LEAF = np.random.default_rng(0).normal(size=(8, 256)).astype(np.float32)


def spread(leaf, *spec):
    """Return an array that lies on the devices of both processes."""
    sharding = NamedSharding(jax.make_mesh((4,), ("x",)), PartitionSpec(*spec))
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index])


def verdict(name, look):
    """Print what a check says here."""
    try:
        look()
    except AssertionError as error:
        print(name, *str(error).splitlines()[2:], flush=True)
    else:
        print(name, "kept", flush=True)


def main():
    """Let each process look at kept and at moved leaves: both print the same."""
    jax.distributed.initialize(f"127.0.0.1:{PORT}", num_processes=2, process_id=NUMBER)
    start = {
        "spread": spread(LEAF, "x"),
        "everywhere": spread(LEAF),
        "own": jnp.asarray(LEAF),
        "head": spread(LEAF, "x"),
    }
    guard = frostproof.Guard(start, ("spread", "everywhere", "own"))
    verdict("start", lambda: guard.check(start))
    verdict("other sharding", lambda: guard.check({**start, "spread": spread(LEAF, None, "x")}))

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
        verdict(name, lambda now=now: guard.check(now))
        if name != "own":
            del now["own"]  # an array of one process cannot be an argument beside shared ones
            inside = frostproof.Guard({**start, "own": 0.0}, ("spread", "everywhere"))
            token = jax.jit(inside.check)(now)
            verdict(f"token of {name}", lambda t=token, g=inside: g.check(t))
    print(str(guard.report()).replace("\n", "; "), flush=True)


if __name__ == "__main__":
    main()
