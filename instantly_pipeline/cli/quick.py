"""Beginning and ending without work that nobody needs: together a quarter of a sync that finds nothing new."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def loading() -> Iterator[None]:
    """Import much. There is no garbage in it, and what is there at the end is left out of later searches for some."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)  # what is not taken apart at the end is reported as a leak by DuckDB's binding


def leave(code: int) -> NoReturn:
    """End the process at once, without taking apart every object there is.

    Files, connections and threads are closed by the commands that opened them; only what is buffered is written here.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
