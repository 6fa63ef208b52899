"""Output whose reader may go away, as `head` does, or whose disk may be full: the command goes on
to its verdict.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO


@contextmanager
def lasting_output() -> Iterator[Lasting]:
    """Go on to the end whether or not what is printed can be written.

    The exit status is that of the command. Rich would end the process with 1, and Python with 120
    when it meets the closed pipe at its end.
    """
    with _lasting(redirect_stdout, sys.stdout) as output:
        yield output


@contextmanager
def lasting_errors() -> Iterator[None]:
    """Do the same for what goes to standard error."""
    with _lasting(redirect_stderr, sys.stderr):
        yield


@contextmanager
def _lasting(redirect: Callable[[Any], Any], stream: TextIO | None) -> Iterator[Lasting]:
    lasting = Lasting(stream)
    if stream is None:  # closed before the process began, as by `>&-`
        yield lasting
        return
    with redirect(lasting):
        try:
            yield lasting
        finally:
            lasting.flush()


class Lasting:
    """A stream that loses what it cannot write; all else is the stream's."""

    def __init__(self, stream: TextIO | None):
        self._stream: Any = stream
        #: Why something is lost that was to be read; None where all is written, or nobody reads.
        self.lost: str | None = None

    def write(self, text: str) -> int:
        """Write a text, if that is possible."""
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._turn_away(error)
            return len(text)

    def flush(self) -> None:
        """Hand on what was written, if that is possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._turn_away(error)

    def _turn_away(self, error: OSError) -> None:
        """Let what is buffered, and what comes, go nowhere. A reader may go away as it likes."""
        if not isinstance(error, BrokenPipeError):
            self.lost = error.strerror
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
