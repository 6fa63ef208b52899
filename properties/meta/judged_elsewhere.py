"""Judges subjects by some laws and prints the outcomes as JSON, under settings of its process.

JAX_ENABLE_X64=1 python properties/meta/judged_elsewhere.py TARGET KIND LAW… [-- TARGET …]
"""

import itertools
import json
import sys

import jax

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.subjects.loading import load

#: A handful: settings of JAX show at once, and nearly each example is a compilation.
EFFORT = Effort(max_examples=2, seed=0, shrinking=0)


def main() -> None:
    """Judge what the command line names."""
    found = {"devices": jax.device_count(), "x64": jax.config.jax_enable_x64}
    separated = itertools.groupby(sys.argv[1:], lambda word: word == "--")
    for target, kind, *laws in (list(words) for bar, words in separated if not bar):
        subject, memory = load(target, kind), CallCache()
        verdicts = {law: judge(BY_ID[law], subject, EFFORT, memory, target) for law in laws}
        found[target] = {law: (each.outcome, each.reason) for law, each in verdicts.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
