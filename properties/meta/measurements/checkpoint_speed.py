"""How fast two checkpoints are compared, beside what the libraries alone would take for it.

    python properties/meta/measurements/checkpoint_speed.py [--gigabytes 4] [--folder DIR]

Makes a pair of checkpoints of that size each, of which a tenth of the leaves moved, and prints
ratios: above 1 frostproof is faster. Both sides run in turn in processes of their own, the files in
the page cache; the best of three counts. Peak memory is that of the process, against 1.3 times the
largest leaf of each side and 300 MB.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

#: The bytes of most leaves, and of the largest one.
_LEAF, _LARGEST = 64 << 20, 256 << 20
_RUNS = 3

_PROGRAMS = {
    "numpy": """
for name in names:
    before, after = (np.fromfile(f"{folder}/raw-{side}/{name}", np.float32) for side in "ba")
    np.array_equal(before, after)
""",
    "numpy zip": """
with np.load(f"{folder}/b.npz") as before, np.load(f"{folder}/a.npz") as after:
    for name in names:
        np.array_equal(before[name], after[name])
""",
    "orbax": """
import jax, orbax.checkpoint as ocp
with ocp.StandardCheckpointer() as checkpointer:
    for side in "ba":
        restored = checkpointer.restore(f"{folder}/orbax-{side}")
        jax.block_until_ready(restored)
        del restored
""",
    "diff": """
import argparse
from frostproof.reports.cli.main import main
main(["diff", f"{folder}/{before}", f"{folder}/{after}", "--frozen", *frozen])
""",
}
_FRAME = """
import re, sys, time, json
import numpy as np
folder, names, frozen, before, after = json.loads(sys.argv[1])
{imports}
began = time.perf_counter()
{program}
seconds = time.perf_counter() - began
# Not `ru_maxrss`, in which a new process begins with the peak of the one that started it.
peak = re.search("VmHWM: *(.*) kB", open("/proc/self/status").read().replace("\t", " "))[1]
print(json.dumps([seconds, int(peak)]))
"""
#: What is imported before the clock starts: how long imports take says nothing of the comparison.
_IMPORTS = {
    "orbax": "import jax, orbax.checkpoint",
    "diff": "import frostproof.reports.diff.command, orbax.checkpoint, tensorstore, safetensors",
}


def make(folder: Path, gigabytes: float) -> dict[str, int]:
    """Write the pair in each format, and return the sizes of the leaves."""
    from frostproof.properties.meta.reference.checkpoints.saving import save

    count = max(1, round((gigabytes * 1e9 - _LARGEST) / _LEAF))
    sizes = {"frozen0": _LARGEST} | {
        f"{'head' if number % 10 == 9 else 'frozen'}{number}": _LEAF for number in range(1, count)
    }
    random = np.random.default_rng(0)
    for side in "ba":
        random = np.random.default_rng(0)
        tree = {}
        for name, size in sizes.items():
            array = random.standard_normal((size // 4 // 1024, 1024), dtype=np.float32)
            if side == "a" and name.startswith("head"):
                array += np.float32(0.01)
            tree[name,] = array
        raw = folder / f"raw-{side}"
        raw.mkdir()
        for (name,), array in tree.items():
            array.tofile(raw / name)
        for form, name in (("safetensors", "safetensors"), ("npz", "npz"), ("msgpack", "msgpack")):
            save(form, tree, folder / f"{side}.{name}")
        save("orbax", tree, folder / f"orbax-{side}")
    return sizes


def measure(program: str, arguments: list[object]) -> tuple[float, float]:
    """Return the best time, in seconds, and the peak memory, in bytes, of a few runs."""
    frame = _FRAME.format(imports=_IMPORTS.get(program, ""), program=_PROGRAMS[program])
    runs = []
    for _ in range(_RUNS):
        command = [sys.executable, "-c", frame, json.dumps(arguments)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(run.stdout.splitlines()[-1]))
    return min(seconds for seconds, _ in runs), max(peak for _, peak in runs) * 1024


def main() -> None:
    """Make the pair, measure both sides in turn, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        sizes = make(folder, options.gigabytes)
        frozen = [name for name in sizes if name.startswith("frozen")]
        bound = 1.3 * 2 * max(sizes.values()) + 300e6
        print(f"{sum(sizes.values()) / 1e9:.2f} GB each, {len(sizes)} leaves")
        for form, pair, alone, least in (
            ("safetensors", ("b.safetensors", "a.safetensors"), "numpy", 0.7),
            ("msgpack", ("b.msgpack", "a.msgpack"), "numpy", 0.7),
            ("npz", ("b.npz", "a.npz"), "numpy zip", 0.7),
            ("orbax", ("orbax-b", "orbax-a"), "orbax", 0.8),
        ):
            arguments = [str(folder), list(sizes), frozen, *pair]
            theirs, their_peak = measure(alone, arguments)
            ours, peak = measure("diff", arguments)
            print(
                f"{form:12} {ours:6.2f} s, {alone} alone {theirs:6.2f} s: "
                f"ratio {theirs / ours:.2f} (at least {least}); "
                f"peak {peak / 1e6:.0f} of {bound / 1e6:.0f} MB, {alone} {their_peak / 1e6:.0f} MB",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
