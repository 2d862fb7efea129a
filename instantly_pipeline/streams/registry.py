"""All streams: the `STREAM` or `STREAMS` of every module in `streams/catalog`.

A new file in that folder is a new stream; it does not have to be registered anywhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache

from instantly_pipeline.errors import UsageError
from instantly_pipeline.streams import catalog
from instantly_pipeline.streams.model import ALL, GROUPS, Stream


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
    """The streams by name, each after those it needs or comes after, otherwise alphabetically; others are ignored."""
    left = {stream.name: stream for stream in sorted(streams, key=lambda s: s.name)}
    done: dict[str, Stream] = {}
    while left:
        ready = [s for s in left.values() if not any(need in left for need in (*s.needs, *s.after))]
        if not ready:
            raise ValueError(f"streams need each other in a cycle: {', '.join(left)}")
        for stream in ready:
            done[stream.name] = left.pop(stream.name)
    return done


def select_streams(names: Iterable[str] | None) -> dict[str, Stream]:
    """The streams that `names` of streams and groups select, sorted by needs; None selects the group `core`.

    `all` selects every stream. UsageError names a word that is neither a group nor a stream.
    """
    streams = all_streams()
    words = ["core"] if names is None else [word for name in names if (word := name.strip())]
    chosen: dict[str, Stream] = {}
    for word in words:
        chosen |= _named(word, streams)
    if not chosen:
        raise UsageError(f"No stream was named. {_choices(streams)}")
    return sort_by_needs(chosen.values())


def _named(word: str, streams: Mapping[str, Stream]) -> dict[str, Stream]:
    if word == ALL:
        return dict(streams)
    if word in GROUPS:
        return {stream.name: stream for stream in streams.values() if stream.group == word}
    if word in streams:
        return {word: streams[word]}
    raise UsageError(f"There is no stream or group {word!r}. {_choices(streams)}")


def _choices(streams: Mapping[str, Stream]) -> str:
    return f"The groups are: {', '.join((ALL, *GROUPS))}. The streams are: {', '.join(sorted(streams))}."
