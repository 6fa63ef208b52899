#!/usr/bin/env bash
# JAX 0.10.2: a `shard_map` that is called outside jit compiles all its operations at every call.
#
# Expected: as of any function of JAX outside jit, the first call compiles what is new, and the later
# ones of the same shapes find it. JAX wants that here, too: it wraps each operation in an object
# (`HashablePartial`) which is equal to that of the call before.
#
# What happens: equal is not enough. jit holds what it compiles by a weak reference to the function
# that it was given, and that object is gone when the call returns; so is the program. A gradient of
# one product compiles 23 programs, at the fifth call as at the second. Nothing warns, and the
# numbers are right. One `psum` of four numbers took 140 ms a call so, and 0.1 ms in jit. Where equal
# objects are kept alive, the later calls compile nothing.
#
# For a freeze: while somebody prints gradients inside a data-parallel step, and takes off the jit for
# that, each step takes as long as the compilation of all of its operations. Leave the jit on, and
# print by `jax.debug.print`.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
from collections import Counter

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, PartitionSpec

compiled = Counter()
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: compiled.update([event.rpartition("/")[2]])
)
mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))


def gradient(w, x):
    return lax.pmean(jax.grad(lambda w: jnp.sum((x @ w) ** 2))(w), "data")


whole, along = PartitionSpec(), PartitionSpec("data")
sharded = jax.shard_map(gradient, mesh=mesh, in_specs=(whole, along), out_specs=whole)
alone = jax.vmap(lambda w, x: x @ w, in_axes=(None, 0))

for how, function in (("shard_map", sharded), ("vmap", alone), ("shard_map in jit", jax.jit(sharded))):
    counts = []
    for _ in range(5):
        compiled.clear()
        function(jnp.ones((3, 2)), jnp.ones((4, 3)))
        counts.append(compiled["backend_compile_duration"])
    print(f"{how}: programs compiled at calls 2 to 5: {counts[1:]}")
PYTHON
)

expected=$(cat <<'TEXT'
shard_map: programs compiled at calls 2 to 5: [23, 23, 23, 23]
vmap: programs compiled at calls 2 to 5: [0, 0, 0, 0]
shard_map in jit: programs compiled at calls 2 to 5: [0, 0, 0, 0]
TEXT
)

. "$(dirname "$0")/judge.bash"
