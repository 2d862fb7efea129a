"""A terminal that shows what is written to it and obeys none of it. A pipe or a file gets the exact characters."""

from __future__ import annotations

import io
import sys
from typing import TextIO

from instantly_pipeline.visible import visible_lines


class Terminal(io.TextIOBase):
    """Takes the place of `sys.stdout` or `sys.stderr`: whoever writes (click, csv, a library's warning) is covered.

    It has no `buffer`: that would lead click around it where the terminal's encoding is ASCII.
    """

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a settable attribute there
        """That of the terminal."""
        return self.beneath.encoding

    def write(self, text: str) -> int:
        """Write what may be shown of `text`."""
        self.beneath.write(visible_lines(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self.beneath.flush()

    def fileno(self) -> int:
        """That of the terminal."""
        return self.beneath.fileno()

    def isatty(self) -> bool:
        """It is one."""
        return True

    def writable(self) -> bool:
        """It is written to."""
        return True


def guard_terminals() -> None:
    """Put a Terminal in the place of each standard stream that is a terminal."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty() and not isinstance(stream, Terminal):
            setattr(sys, name, Terminal(stream))


def to_draw_on(stream: TextIO) -> TextIO:
    """The terminal beneath, for bars, which steer it. What is drawn there must be made visible first."""
    return stream.beneath if isinstance(stream, Terminal) else stream
