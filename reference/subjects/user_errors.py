"""Handles exceptions of a user's code: which ones end the run, and how messages show the others."""

from __future__ import annotations

import signal
import sysconfig
import traceback
from pathlib import Path

_SHOWN = 500  # characters of a message
#: The packages of `reference` that hold programs under test, as a user has them.
_JUDGED = ("correct", "corpus")
#: Frames in these folders are not the user's: the standard library, installed packages, our own.
_OTHERS = tuple(
    str(folder.resolve())
    for folder in {
        *(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "platstdlib", "purelib")),
        *(Path(__file__).parents[2] / room for room in ("properties", "reports", "strategies")),
        *(each for each in Path(__file__).parents[1].iterdir() if each.name not in _JUDGED),
    }
)
#: The beginning of our notes on an exception of a user's code.
_REMARK = "frostproof: "


def let_through(error: BaseException) -> None:
    """Raise an exception again that ends the run, such as Ctrl-C.

    In a process that ignores SIGINT, as ours do, only the user's code can have raised it: there it
    ends nothing.
    """
    ends_the_run = not isinstance(error, Exception | SystemExit | GeneratorExit)
    if ends_the_run and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        raise error


def remark(error: BaseException, text: str) -> None:
    """Add a remark to an exception, which `error_text` shows behind its message."""
    error.add_note(_REMARK + text)


def printable(text: str) -> str:
    """Return a text in one line, without control codes and halves of characters."""
    shown = " ".join(text.split())
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def error_text(error: BaseException) -> str:
    """Return type and message of an exception in one line, whatever its message does."""
    name = type(error).__name__
    try:
        message = printable(str(error))
    except BaseException as another:
        let_through(another)
        return f"{name}, whose message raises {type(another).__name__}"
    if len(message) > _SHOWN:
        message = message[:_SHOWN] + "…"
    notes = getattr(error, "__notes__", ())
    ours = [str(note) for note in notes] if isinstance(notes, list) else []  # anybody may set it
    remarks = [f" ({note.removeprefix(_REMARK)})" for note in ours if note.startswith(_REMARK)]
    return "".join([f"{name}: {message}" if message else name, *remarks])


def own_line(error: BaseException) -> str | None:
    """Return the last line of the user's code that an exception came through, as "file, line N".

    None where no frame is the user's, as for a call that Python itself refuses.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = {"site-packages", "dist-packages"} & set(path.parts)
        if path.exists() and not installed and not str(path.resolve()).startswith(_OTHERS):
            return f"{path.name}, line {frame.lineno}"
    return None
