"""Two builds side by side: what each takes for the same commands, in seconds of all cores.

    python properties/meta/measurements/benchmark.py --beside OLD NEW [--repeats 3] [--only GLOB]

OLD and NEW are environments, each with a build installed. Both run the same command in turns, one
directly after the other, so that a busy machine is as busy for both: what counts are ratios, and of
those the ones of CPU seconds. Each has its own cache, which is empty for a cold run. Nothing
but the command line and the files of a report is used, which no build changes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import psutil

HEAD = """
import flax.linen as nn
import frostproof
import jax
import jax.numpy as jnp
from flax.training.train_state import TrainState

model = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(1)])
mse = lambda params, batch: jnp.mean((model.apply({"params": params}, batch.x) - batch.y) ** 2)


def create(seed, batch, optimizer):
    params = model.init(jax.random.key(seed), batch.x)
    return TrainState.create(apply_fn=None, tx=optimizer, **params)


@jax.jit
def train_step(state, batch):
    loss, grads = jax.value_and_grad(mse)(state.params, batch)
    grads["layers_0"] = jax.tree.map(jnp.zeros_like, grads["layers_0"])
    return state.apply_gradients(grads=grads), loss


head = frostproof.LinenTrainer(create, train_step, frozen=("layers_0",))
"""

#: It makes its own optimizer around the one that it is handed, anew in each `create`.
TRAINER = """
import flax.linen as nn
import frostproof
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

model = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(1)])


def create(seed, batch, optimizer):
    params = model.init(jax.random.key(seed), batch.x)["params"]
    labels = {"layers_0": "frozen", "layers_2": "trained"}
    tx = optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)
    return TrainState.create(apply_fn=model.apply, params=params, tx=tx)


@jax.jit
def train_step(state, batch):
    def mse(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    loss, grads = jax.value_and_grad(mse)(state.params)
    return state.apply_gradients(grads=grads), loss


def predict(state, x):
    return state.apply_fn({"params": state.params}, x)


trainer = frostproof.LinenTrainer(
    create, train_step, frozen=("layers_0",), predict=predict, loss="mse"
)
"""

_SEED = ("--seed", "1")
#: So many examples of one law on a reference, less one: the rest is what each takes.
_TRAJECTORIES = 200


@dataclass(frozen=True)
class Took:
    """What a command took: seconds, bytes at the most in one process, and its report."""

    wall: float
    cpu: float
    first: float
    memory: int
    #: By law, the examples of each row that held: what fails stops, and what is proved needs few.
    held: Mapping[str, Sequence[int]]


#: Commands by name, and what their CPU seconds have to be divided by, at least, warm and cold.
COMMANDS: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "verify without a target": ((), 5.0, 3.0),
    "head.py of the README": (("head.py:head", "-n", "1"), 8.0, 6.0),
    "a trainer that makes its optimizer": (("trainer.py:trainer", "-n", "1"), 8.0, 6.0),
}
TRAJECTORIES = {
    "a trajectory, Linen reference": ("frostproof.reference.linen_trainers:multi_transform", 2.5),
    "a trajectory, NNX reference": ("frostproof.reference.nnx_trainers:multi_transform", 3.0),
}


def print_figures(old: Path, new: Path, repeats: int, only: str) -> None:
    """Measure both builds in turns, and print medians, spreads and ratios."""
    print(f"{'CPU seconds':44}{'old':>24}{'new':>24}{'ratio':>8}{'wanted':>8}")
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "head.py").write_text(HEAD)
        (room / "trainer.py").write_text(TRAINER)
        for name, (arguments, warm, cold) in COMMANDS.items():
            if fnmatch(name, only):
                _compare(name, arguments, room, (old, new), repeats, {"cold": cold, "warm": warm})
        for name, (target, wanted) in TRAJECTORIES.items():
            if fnmatch(name, only):
                pairs = _of_one_trajectory(target, room, (old, new), repeats)
                print(_line(f"{name}, ms", *pairs, wanted))


def _compare(
    name: str,
    arguments: tuple[str, ...],
    room: Path,
    environments: tuple[Path, Path],
    repeats: int,
    wanted: Mapping[str, float],
) -> None:
    runs: dict[str, tuple[list[Took], list[Took]]] = {"cold": ([], []), "warm": ([], [])}
    for _ in range(repeats):
        caches = [tempfile.mkdtemp(dir=room) for _ in environments]
        for state, both in runs.items():
            for environment, cache, took in zip(environments, caches, both, strict=True):
                took.append(_run(environment, arguments, room, cache))
                print(f"{name}, {state}: {took[-1].cpu:.1f} s", file=sys.stderr, flush=True)
    for state, (old, new) in runs.items():
        print(_line(f"{name}, {state}", *([t.cpu for t in b] for b in (old, new)), wanted[state]))
        for what, of in (("wall", "wall"), ("first verdict", "first")):
            print(_line(f"   {what}, s", *([getattr(t, of) for t in b] for b in (old, new))))
        print(_line("   memory, GB", *([t.memory / 1e9 for t in b] for b in (old, new))))
    before, after = (both[-1].held for both in runs["warm"])
    print(f"   examples of laws that held: {_total(before)} and {_total(after)}")
    for law in sorted(before.keys() & after.keys()):
        if max(after[law]) < max(before[law]):
            print(f"   fewer by the new build: {law}, {max(before[law])} and {max(after[law])}")


def _of_one_trajectory(
    target: str, room: Path, environments: tuple[Path, Path], repeats: int
) -> Iterator[list[float]]:
    """Yield for each build the CPU milliseconds of one more example, in a warm cache."""
    laws = (target, "-n", "1", "--laws", "training-runs", "--max-examples")
    caches = [tempfile.mkdtemp(dir=room) for _ in environments]
    each: tuple[list[float], list[float]] = ([], [])
    for number in range(repeats + 1):
        for environment, cache, found in zip(environments, caches, each, strict=True):
            many, one = (
                _run(environment, (*laws, str(count)), room, cache).cpu
                for count in (_TRAJECTORIES, 1)
            )
            if number:  # the first fills the cache
                found.append(1e3 * (many - one) / (_TRAJECTORIES - 1))
    yield from each


def _run(environment: Path, arguments: Sequence[str], room: Path, cache: str) -> Took:
    """Run `frostproof verify` in an environment and watch all of its processes."""
    with tempfile.TemporaryDirectory(dir=room) as report:
        command = [f"{environment}/bin/frostproof", "verify", *arguments, *_SEED]
        started = time.monotonic()
        process = subprocess.Popen(
            [*command, "--report", report],
            cwd=room,
            env=os.environ | {"XDG_CACHE_HOME": cache, "FROSTPROOF_PROFILE": "default"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        cpu: dict[tuple[int, float], float] = {}
        memory, first, journal = 0, 0.0, Path(report, "report.jsonl")
        while process.poll() is None:
            memory = max(memory, _look(process.pid, cpu))
            if not first and journal.exists() and '{"verdict"' in journal.read_text():
                first = time.monotonic() - started
            time.sleep(0.1)
        wall = time.monotonic() - started
        written = json.loads(Path(report, "report.json").read_text())
    held: dict[str, list[int]] = {}
    for row in written["verdicts"]:
        if row["verdict"] == "held":
            held.setdefault(row["id"].rpartition("::")[2], []).append(row["examples"])
    return Took(wall, sum(cpu.values()), first or wall, memory, held)


def _total(held: Mapping[str, Sequence[int]]) -> int:
    return sum(map(sum, held.values()))


def _look(root: int, cpu: dict[tuple[int, float], float]) -> int:
    """Note what each process took so far; returns the bytes that the largest holds.

    By looking, and not by waiting for them: nobody waits for the ends of those that judge.
    """
    largest = 0
    try:
        processes = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return 0
    for each in processes:
        try:
            times = each.cpu_times()
            cpu[each.pid, each.create_time()] = times.user + times.system
            largest = max(largest, each.memory_info().rss)
        except psutil.Error:  # it has just ended
            continue
    return largest


def _line(name: str, old: list[float], new: list[float], wanted: float | None = None) -> str:
    ratio = statistics.median(old) / statistics.median(new)
    asked = "" if wanted is None else f"{wanted:8.1f}"
    return f"{name:44}{_spread(old):>24}{_spread(new):>24}{ratio:8.2f}{asked}"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
