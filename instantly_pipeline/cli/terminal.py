"""Removes control characters from everything written to a terminal. A pipe or a file gets the exact text."""

from __future__ import annotations

import io
import sys
from typing import TextIO

from instantly_pipeline.visible import visible_lines


class Terminal(io.TextIOBase):
    """Replaces `sys.stdout` or `sys.stderr`, so that every writer (click, csv, a library's warning) goes through it.

    It has no `buffer`: click would write to that directly if the terminal's encoding is ASCII.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a settable attribute there
        """Encoding of the terminal."""
        return self.stream.encoding

    def write(self, text: str) -> int:
        """Write `text` without its control characters; returns the length of `text`."""
        self.stream.write(visible_lines(text))
        return len(text)

    def flush(self) -> None:
        """Flush the terminal."""
        self.stream.flush()

    def fileno(self) -> int:
        """File descriptor of the terminal."""
        return self.stream.fileno()

    def isatty(self) -> bool:
        """Always True."""
        return True

    def writable(self) -> bool:
        """Always True."""
        return True


def sanitize_terminals() -> None:
    """Replace each standard stream that is a terminal with a `Terminal`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty() and not isinstance(stream, Terminal):
            setattr(sys, name, Terminal(stream))


def raw_terminal(stream: TextIO) -> TextIO:
    """The original stream, for progress bars, which need control codes. Sanitize text before writing it there."""
    return stream.stream if isinstance(stream, Terminal) else stream
