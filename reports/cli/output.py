"""Output whose reader may go away, as `head` does: the command goes on to its verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO


@contextmanager
def lasting_output() -> Iterator[None]:
    """Lose in silence what is printed after the reader went away.

    The exit status is that of the command. Rich would end the process with 1, and Python with 120
    when it meets the closed pipe at its end.
    """
    with ExitStack() as stack:
        for redirect, stream in ((redirect_stdout, sys.stdout), (redirect_stderr, sys.stderr)):
            if stream is not None:  # closed before the process began, as by `>&-`
                lasting: Any = _Lasting(stream)
                stack.enter_context(redirect(lasting))
                stack.callback(lasting.flush)
        yield


class _Lasting:
    """A stream without readers, if need be; all else is the stream's."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, unless nobody reads any more."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._turn_away()
            return len(text)

    def flush(self) -> None:
        """Hand on what was written, unless nobody reads any more."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._turn_away()

    def _turn_away(self) -> None:
        """Let what is buffered, and what comes, go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
