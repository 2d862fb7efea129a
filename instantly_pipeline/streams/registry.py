"""All streams: the `STREAM` or `STREAMS` of every module in `streams/catalog`.

A new file in that folder is a new stream; it does not have to be registered anywhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from instantly_pipeline.errors import UsageError
from instantly_pipeline.streams import catalog
from instantly_pipeline.streams.model import Stream


@cache
def all_streams() -> dict[str, Stream]:
    """All streams by name, in the order of `sort_by_needs`."""
    found: dict[str, Stream] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(catalog.__path__)):
        declared = importlib.import_module(f"{catalog.__name__}.{module}")
        for stream in getattr(declared, "STREAMS", None) or (declared.STREAM,):
            if stream.name in found:
                raise ValueError(f"the stream {stream.name} is declared twice")
            found[stream.name] = stream
    return sort_by_needs(found.values())


def sort_by_needs(streams: Iterable[Stream]) -> dict[str, Stream]:
    """The streams by name, each after those it needs, otherwise alphabetically; needs outside of them are ignored."""
    left = {stream.name: stream for stream in sorted(streams, key=lambda s: s.name)}
    done: dict[str, Stream] = {}
    while left:
        ready = [s for s in left.values() if not any(need in left for need in s.needs)]
        if not ready:
            raise ValueError(f"streams need each other in a cycle: {', '.join(left)}")
        for stream in ready:
            done[stream.name] = left.pop(stream.name)
    return done


def select_streams(names: Iterable[str] | None) -> dict[str, Stream]:
    """The streams named `names` (None: all), sorted by needs; UsageError names one that does not exist."""
    streams = all_streams()
    if names is None:
        return dict(streams)
    wanted = [name.strip() for name in names if name.strip()]
    unknown = [name for name in wanted if name not in streams]
    if unknown:
        raise UsageError(f"There is no stream {unknown[0]!r}. The streams are: {', '.join(sorted(streams))}.")
    if not wanted:
        raise UsageError(f"No stream was named. The streams are: {', '.join(sorted(streams))}.")
    return sort_by_needs(streams[name] for name in dict.fromkeys(wanted))
