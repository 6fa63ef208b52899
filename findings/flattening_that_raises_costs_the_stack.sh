#!/usr/bin/env bash
# jaxlib 0.10.2: each pytree that cannot be flattened costs the thread a stack frame for each level at
# which it lay, for good; after some hundred of them other code raises RecursionError.
#
# Expected: `jax.tree.leaves` of a dict whose keys cannot be sorted raises ValueError, and nothing else
# happens: whoever catches it, to find out whether something is a pytree, goes on as before.
#
# What happens: flattening in C++ enters Python's recursion count once for each level, and does not leave
# it where a level raises, by its keys or by a function of the user's (`is_leaf`). What is lost does not
# come back. A thread has a count of its own.
#
# For a freeze: code that asks of many things whether they are pytrees of parameters, such as an
# inspector of locals, a serialiser or a test helper, ends in RecursionError far from the cause, in a
# plot or an import. Ask in a thread of its own, or look at the types before flattening.

packages=(jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import threading

import jax


def frames_left(used=0):
    try:
        return frames_left(used + 1)
    except RecursionError:
        return used


def nested(leaf, levels):
    return {"inside": nested(leaf, levels - 1)} if levels else leaf


def lost(tree, times, **options):
    before = frames_left()
    for _ in range(times):
        try:
            jax.tree.leaves(tree, **options)
        except (KeyError, ValueError):
            pass
    return before - frames_left()


def refuse(value):
    if value is None:
        raise KeyError("no answer")
    return False


unsortable = {1: 0.0, "one": 1.0}
print("keys of two types, nothing around it:", lost(unsortable, 10), "frames lost in 10 times")
print("keys of two types, nine dicts around it:", lost(nested(unsortable, 9), 10))
print("is_leaf raises, three dicts around it:", lost(nested(None, 3), 10, is_leaf=refuse))
print("nothing raises:", lost(nested(1.0, 9), 10))
other = []
thread = threading.Thread(target=lambda: other.append(lost(nested(unsortable, 9), 10)))
before = frames_left()
thread.start()
thread.join()
print("in a thread:", other[0], "there, and here", before - frames_left())
lost(nested(unsortable, 9), frames_left() // 9 - 4)
print("after some hundred times fewer than 100 frames are left:", frames_left() < 100)
PYTHON
)

expected=$(cat <<'TEXT'
keys of two types, nothing around it: 0 frames lost in 10 times
keys of two types, nine dicts around it: 90
is_leaf raises, three dicts around it: 30
nothing raises: 0
in a thread: 90 there, and here 0
after some hundred times fewer than 100 frames are left: True
TEXT
)

. "$(dirname "$0")/judge.bash"
