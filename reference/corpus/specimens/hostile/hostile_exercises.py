"""Hostile subjects: each does harm to its process, the clock or the machine, and gets a verdict.

They are judged by name only, in separate processes. `EXPECTED` says of each what `answer-shape`
or `training-runs` has to find, and in which words.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
from flax import linen  # noqa: F401  (for these are exercises of Linen)

#: Verdict and words of the reason, by the name of a subject; no words where it held.
EXPECTED = {}


def expect(verdict, words=None):
    """Note what a subject has to come to."""

    def note(fn):
        EXPECTED[fn.__name__] = verdict, words
        return fn

    return note


ANSWER = [1.0, 2.0, 2.0]


@expect("error", "no answer within")
def hangs(seed, x, y, lr):
    """Waits for something that does not come."""
    time.sleep(3600)


@expect("error", "no answer within")
def ignores_sigterm(seed, x, y, lr):
    """Cannot be asked to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(3600)


@expect("error", "no answer within")
def writes_without_end(seed, x, y, lr):
    """Prints for ever, by Python and past it."""
    while True:
        print("x" * 1000)
        os.write(2, b"x" * 1000)
        time.sleep(0.001)


@expect("error", "SystemExit: enough")
def exits(seed, x, y, lr):
    """Ends the process as a script would."""
    sys.exit("enough")


@expect("error", "the process ended itself with exit status 3")
def exits_at_once(seed, x, y, lr):
    """Ends the process past Python."""
    os._exit(3)


@expect("error", "the process was killed by SIGSEGV")
def segfaults(seed, x, y, lr):
    """Reads at address 0."""
    ctypes.string_at(0)


@expect("error", "GiB of memory")
def fills_memory(seed, x, y, lr):
    """Holds more and more."""
    held = []
    while True:
        held.append(np.ones(2**24))


@expect("held")
def raises_from_del(seed, x, y, lr):
    """Leaves an object that cannot be destroyed in peace."""

    class Undying:
        def __del__(self):
            raise RuntimeError("not yet")

    Undying()
    return ANSWER


@expect("held")
def changes_the_settings_of_jax(seed, x, y, lr):
    """Turns on 64 bits and the search for NaN, and turns compilation off."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_debug_nans", True)
    jax.config.update("jax_disable_jit", True)
    return ANSWER


@expect("error", "replaced numpy.abs, numpy.asarray, numpy.linalg.norm, with which it is judged")
def replaces_numpy(seed, x, y, lr):
    """Makes all norms equal, and every conversion an error."""
    np.linalg.norm = lambda *arguments, **keywords: 1.0
    np.abs = np.asarray = None
    return ANSWER


@expect("held")
def stops_the_clock(seed, x, y, lr):
    """Lets no time pass."""
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
    return ANSWER


@expect("held")
def deletes_its_inputs(seed, x, y, lr):
    """Leaves nothing of the batch; another law is about that."""
    x.resize((0, 0), refcheck=False)
    y.resize((0,), refcheck=False)
    return ANSWER


@expect("refuted", "that NumPy cannot convert (TracerArrayConversionError")
def returns_tracers(seed, x, y, lr):
    """Lets a value escape from a compiled function."""
    leaked = []
    jax.jit(leaked.append)(1.0)
    return leaked * 3


@expect("held")
def returns_nan(seed, x, y, lr):
    """Answers, of the right shape."""
    return [np.nan, np.nan, np.nan]


@expect("refuted", "of dtype object")
def returns_huge_integers(seed, x, y, lr):
    """Answers by numbers of more digits than Python prints."""
    return [10**5000] * 3


@expect("refuted", "cannot convert")
def lies_about_equality(seed, x, y, lr):
    """Answers by something that equals everything and is nothing."""

    class Liar:
        __hash__ = None

        def __eq__(self, other):
            return True

        def __bool__(self):
            raise RuntimeError("neither")

        def __array__(self, *arguments, **keywords):
            raise RuntimeError("no array")

        def __repr__(self):
            raise RuntimeError("no name")

    return Liar()


@expect("refuted", "not repeatable")
def depends_on_the_order_of_calls(seed, x, y, lr):
    """Answers every other time."""
    depends_on_the_order_of_calls.calls = getattr(depends_on_the_order_of_calls, "calls", 0) + 1
    return ANSWER if depends_on_the_order_of_calls.calls % 2 else None


@expect("refuted", "made no smaller: the process ended itself with exit status 3")
def dies_once_it_is_found(seed, x, y, lr):
    """Answers once, then does not answer, and then ends its process."""
    calls = dies_once_it_is_found.calls = getattr(dies_once_it_is_found, "calls", 0) + 1
    return ANSWER if calls == 1 else None if calls == 2 else os._exit(3)


@expect("held")
def leaves_threads(seed, x, y, lr):
    """Starts a thread that outlives the run, and is not a daemon."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()
    return ANSWER


@expect("error", "EOFError")
def reads_standard_input(seed, x, y, lr):
    """Asks whoever is there."""
    return [float(input("loss? ")), 2.0, 2.0]


@expect("held")
def forks(seed, x, y, lr):
    """Leaves a second process that goes on as if it were the first; and another law is broken."""
    os.fork()
    x += 1
    return ANSWER


@expect("held")
def leaves_a_process(seed, x, y, lr):
    """Starts a program that outlives the run."""
    subprocess.Popen(["sleep", "3600"])
    return ANSWER


@expect("held")
def closes_the_standard_streams(seed, x, y, lr):
    """Closes what every process has open, and opens it for something else."""
    os.closerange(0, 3)
    os.open(os.devnull, os.O_RDONLY)
    return ANSWER


@expect("error", "the process closed its connection to frostproof")
def closes_all_files(seed, x, y, lr):
    """Closes what others have open in its process, and waits."""
    os.closerange(0, 256)
    time.sleep(3600)


@expect("error", "the process closed its connection to frostproof, or wrote into it")
def writes_into_all_files(seed, x, y, lr):
    """Writes what nobody reads as a message."""
    for file in range(256):
        try:
            os.write(file, bytes([0, 0, 0, 255]))
        except OSError:
            continue
    time.sleep(3600)


@expect("held")
def changes_the_folder(seed, x, y, lr):
    """Goes elsewhere."""
    os.chdir("/")
    return ANSWER


@expect("error", "KeyboardInterrupt")
def interrupts(seed, x, y, lr):
    """Pretends that somebody pressed Ctrl-C."""
    raise KeyboardInterrupt


@expect("error", "Unheard")
def raises_what_nobody_expects(seed, x, y, lr):
    """Raises past `except Exception`, without a message that could be read."""

    class Unheard(BaseException):
        def __str__(self):
            raise RuntimeError("no words")

        def __bool__(self):
            return False

    raise Unheard


@expect("error", r"RuntimeError: \x1b[2J\x00\udcff")
def raises_what_cannot_be_printed(seed, x, y, lr):
    """Says what would clear a terminal, end a string, and is half a character."""
    raise RuntimeError("\x1b[2J\x00\udcff")


@expect("error", "RecursionError")
def never_returns(seed, x, y, lr):
    """Calls itself without end."""
    return never_returns(seed, x, y, lr)


@expect("held")
def kills_the_parent(seed, x, y, lr):
    """Ends the process that it was started by."""
    os.kill(os.getppid(), signal.SIGKILL)
    return ANSWER
