"""What may end a user's code: exceptions of every kind, but for those that end the run itself."""

from __future__ import annotations

import signal
import sysconfig
import traceback
from pathlib import Path

_SHOWN = 500  # characters of a message
#: Frames in these folders are not the user's: the standard library, installed packages, our own.
_OTHERS = tuple(
    str(folder.resolve())
    for folder in {
        *(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "platstdlib", "purelib")),
        *(Path(__file__).parents[2] / room for room in ("properties", "reports", "strategies")),
        *(Path(__file__).parents[1] / room for room in ("observation", "optimizers", "subjects")),
    }
)
#: How a note of ours on an exception of a user's code begins.
_REMARK = "frostproof: "


def let_through(error: BaseException) -> None:
    """Raise again what ends a run, such as Ctrl-C, unless only the user's code can have raised it.

    Where SIGINT is ignored, as in a process of frostproof's own, nobody else interrupts anything.
    """
    ends_the_run = not isinstance(error, Exception | SystemExit)
    if ends_the_run and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        raise error


def remark(error: BaseException, text: str) -> None:
    """Add what `error_text` says of an exception beside its own message."""
    error.add_note(_REMARK + text)


def printable(text: str) -> str:
    """In one line that any terminal and file takes: no control codes, no halves of characters."""
    shown = " ".join(text.split())
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def error_text(error: BaseException) -> str:
    """Type and message in one line, of exceptions whose message cannot be had or has no end too."""
    name = type(error).__name__
    try:
        message = printable(str(error))
    except BaseException as another:
        let_through(another)
        return f"{name}, whose message raises {type(another).__name__}"
    if len(message) > _SHOWN:
        message = message[:_SHOWN] + "…"
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    remarks = [f" ({note.removeprefix(_REMARK)})" for note in notes if note.startswith(_REMARK)]
    return "".join([f"{name}: {message}" if message else name, *remarks])


def own_line(error: BaseException) -> str | None:
    """Return the file and line of the user's own code that an exception came through last.

    None where no frame is the user's, such as for a call that Python itself refuses.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = {"site-packages", "dist-packages"} & set(path.parts)
        if path.exists() and not installed and not str(path.resolve()).startswith(_OTHERS):
            return f"{path.name}, line {frame.lineno}"
    return None
