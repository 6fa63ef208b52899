"""The benchmark: examples a second, as ratios of what was measured side by side in one run.

    python properties/meta/measurements/benchmark.py [--repeats 3] [--memory]
    python properties/meta/measurements/benchmark.py --beside OLD NEW [--only GLOB]

An example is one law judged on one drawn problem. Each measurement is made in its own process,
several times, in turns; the medians are compared and the spread is printed beside them. Seconds say
something of this machine only, ratios are what the design promises.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from frostproof.properties.meta.measurements.side_by_side import print_figures

SUITE = 100  # examples a law
NEWCOMER = 12  # examples: each compiles everything anew
LINEN, NNX = (f"frostproof.reference.{api}:freeze_first_dense" for api in ("linen", "nnx"))
EAGER = "accepted/linen-recipes/stop-gradient-on-params"


def drawing() -> float:
    """Return examples a second of drawing alone: all laws' problems and batches, an empty body."""
    import hypothesis
    from hypothesis import HealthCheck, settings

    from frostproof.properties.laws.book import EXERCISE_LAWS
    from frostproof.reference.subjects.exercise import Exercise
    from frostproof.strategies.values import pool

    def body(problems):
        for problem in problems:
            problem.batch()

    started = time.perf_counter()
    subject = Exercise(lambda seed, x, y, lr: None, api="linen")
    for law in EXERCISE_LAWS:
        quiet = settings(
            max_examples=SUITE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        given = hypothesis.given(law.draws(subject, pool()))
        hypothesis.seed("0/0")(quiet(given(body)))()
    return len(EXERCISE_LAWS) * SUITE / (time.perf_counter() - started)


def suite(target: str, kind: str) -> float:
    """Return examples a second of all laws on a target, in a process that has compiled it."""
    from frostproof.properties.plan.compiled_programs import keep_compiled_programs

    keep_compiled_programs()
    from frostproof.properties.engine.call_cache import CallCache
    from frostproof.properties.engine.effort import Effort
    from frostproof.properties.engine.judge import judge
    from frostproof.properties.laws.book import EXERCISE_LAWS
    from frostproof.reference.observation import update_hooks as watching
    from frostproof.reference.subjects.loading import load

    watching.install()
    subject = load(target, kind)
    for _ in ("compile", "measure"):
        started, memory, judged = time.perf_counter(), CallCache(), 0
        for law in EXERCISE_LAWS:
            verdict = judge(law, subject, Effort(SUITE, seed=0), memory, target)
            assert verdict.outcome in ("held", "not-run"), verdict
            judged += verdict.examples + sum(
                count for label, count in verdict.labels.items() if label.startswith("inconcl")
            )
    return judged / (time.perf_counter() - started)


def newcomer() -> float:
    """Return examples a second of what a user writes first: eager, a fresh shape each time."""
    import flax.linen as nn
    import hypothesis.extra.numpy as npst
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(8)(x))
            return nn.Dense(1)(x)

    def train(seed, x, y, lr):
        model = Net()
        params = model.init(jax.random.PRNGKey(seed), x)

        def loss_fn(params):
            return jnp.mean((model.apply(params, x).squeeze(-1) - y) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(params)
        grads = jax.tree_util.tree_map_with_path(
            lambda path, g: jnp.zeros_like(g) if "Dense_0" in str(path) else g, grads
        )
        optimizer = optax.sgd(lr)
        updates, _ = optimizer.update(grads, optimizer.init(params))
        new = optax.apply_updates(params, updates)
        kernels = (tree["params"]["Dense_0"]["kernel"] for tree in (new, params))
        return loss, *(jnp.linalg.norm(kernel) for kernel in kernels)

    values = st.floats(-10, 10, width=32)
    batches = st.tuples(st.integers(1, 100), st.integers(1, 30)).flatmap(
        lambda shape: st.tuples(
            npst.arrays(np.float32, shape, elements=values),
            npst.arrays(np.float32, shape[:1], elements=values),
        )
    )

    @given(st.integers(0, 2**32 - 1), batches, st.floats(1e-3, 1.0))
    @settings(
        max_examples=NEWCOMER, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def property_holds(seed, batch, lr):
        loss, after, before = train(seed, *batch, lr)
        assert np.isfinite(loss)
        assert after == before

    started = time.perf_counter()
    property_holds()
    return NEWCOMER / (time.perf_counter() - started)


def command() -> tuple[float, float]:
    """Return examples a second of `frostproof verify` from a cold process, on the Linen exercise,
    and the seconds from the command to its first verdict.
    """
    first, examples, started = 0.0, 0, time.perf_counter()
    arguments = [sys.executable, "-c", "from frostproof.reports.cli.main import main; main()"]
    with subprocess.Popen(
        [*arguments, "verify", LINEN, "-v", "--seed", "0", "--max-examples", str(SUITE)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  held"):
                first = first or time.perf_counter() - started
                examples += SUITE
    return examples / (time.perf_counter() - started), first


def memory() -> float:
    """Return peak memory after 100,000 examples, in units of that after 5,000."""
    from frostproof.properties.engine.call_cache import CallCache
    from frostproof.properties.engine.effort import Effort
    from frostproof.properties.engine.judge import judge
    from frostproof.properties.laws.book import BY_ID
    from frostproof.reference.subjects.loading import load

    subject, kept = load(LINEN, "linen"), CallCache()
    peaks = []
    for examples in (5_000, 95_000):
        effort = Effort(examples, seed=examples, seconds=1e6)
        verdict = judge(BY_ID["answer-loss-is-mse"], subject, effort, kept, "fn")
        assert verdict.outcome == "held", verdict
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(f"peak memory: {peaks[0] / 1024:.0f} MiB, {peaks[1] / 1024:.0f} MiB", file=sys.stderr)
    return peaks[1] / peaks[0]


PARTS = {
    "drawing alone": drawing,
    "suite, Linen reference, warm process": lambda: suite(LINEN, "linen"),
    "suite, NNX reference, warm process": lambda: suite(NNX, "nnx"),
    "suite, eager program, warm process": lambda: suite(EAGER, "linen"),
    "newcomer, eager, free shapes": newcomer,
}


def measure(part: str) -> float:
    """Run one measurement in its own process."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", part], stdout=subprocess.PIPE, check=True
    )
    return float(json.loads(done.stdout))


def main() -> None:
    """Measure everything in turns, and print medians, spreads and ratios."""
    parser = argparse.ArgumentParser(description="Measure the suite; see the module's first lines.")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--memory", action="store_true", help="memory over 100,000 examples")
    parser.add_argument("--beside", nargs=2, type=Path, metavar=("OLD", "NEW"), help="two builds")
    parser.add_argument("--only", default="*", metavar="GLOB", help="these figures of two builds")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        old, new = (environment.absolute() for environment in options.beside)
        print_figures(old, new, options.repeats, options.only)
        return
    if options.part:
        print(json.dumps(PARTS[options.part]() if options.part != "memory" else memory()))
        return
    if options.memory:
        print(f"memory at 100,000 examples: {measure('memory'):.2f} × that at 5,000")
        return

    command()  # fills the disk cache
    rates: dict[str, list[float]] = {name: [] for name in (*PARTS, "suite, cold process")}
    firsts = []
    for _ in range(options.repeats):
        for name in PARTS:
            rates[name].append(measure(name))
            print(f"{name}: {rates[name][-1]:.1f} examples/s", file=sys.stderr, flush=True)
        rate, first = command()
        rates["suite, cold process"].append(rate)
        firsts.append(first)

    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = medians["newcomer, eager, free shapes"]
    print(f"{'':40}{'examples/s':>12}{'spread':>18}{'× newcomer':>12}{'× drawing':>11}")
    for name, values in rates.items():
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(
            f"{name:40}{medians[name]:12.1f}{spread:>18}{medians[name] / base:12.1f}"
            f"{medians[name] / medians['drawing alone']:11.2f}"
        )
    print(
        f"first verdict after {statistics.median(firsts):.1f} s ({min(firsts):.1f} to "
        f"{max(firsts):.1f}), disk cache warm"
    )


if __name__ == "__main__":
    main()
