"""Which of the records that a list did not show are gone: the API is asked for each by its id.

A list that ends early looks like one that is over, so its silence is no proof. `GET <list>/<id>` is: 404, while a
record that was just listed is answered (reference, section 2). Leads are asked for by a list of ids, in `sync/leads`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import quote

import orjson

from instantly_pipeline.errors import BadRequest, Forbidden, NotFound, PlanRequired
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.sync.readers.fetch import together
from instantly_pipeline.sync.sink import Sink

SAMPLE = 200  # of more than so many these are asked for: were 2 % still there, all would be gone once in 57 cases


@dataclass(slots=True)
class Missing:
    """Keys a list did not show: `gone`, `there` all the same, or `unknown`, where the API could not be asked."""

    gone: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def without(self, shown: Collection[str]) -> Missing:
        """What is still missing when these were shown after all."""
        return Missing(self.gone.difference(shown), self.there.difference(shown), self.unknown.difference(shown))


class _Said(Enum):
    GONE = auto()
    THERE = auto()
    NOTHING = auto()  # an answer that says neither


async def ask_for(
    sink: Sink, missing: Mapping[str, IndexEntry], witness: tuple[str, str] | None, *, each: bool = False
) -> Missing:
    """Ask for what a list did not show; `witness` is the key and the id of a record that it did.

    A 404 counts where a witness is answered before and after; where the list has none that is, one of the missing that
    is there will do. Many are judged by a random sample: where all of that are gone, all are. Where some are there,
    and `each` matters, the others are asked for as well. Exhausted where an answer did not come.
    """
    first = _Said.GONE if witness is None else await _say(sink, *witness)
    if first is _Said.NOTHING:
        return Missing(unknown=set(missing))
    chosen = sorted(missing)
    if len(chosen) > SAMPLE:
        chosen = random.Random(sink.ctx.files.run_id).sample(chosen, SAMPLE)
    said = await _say_all(sink, missing, chosen)
    if each and _Said.THERE in said.values():
        said |= await _say_all(sink, missing, missing.keys() - said.keys())
    found = Missing(there={key for key in said if said[key] is _Said.THERE})
    if first is _Said.GONE:
        witness = next(((key, asked_as(key, missing[key])) for key in sorted(found.there)), None)
    if witness is not None and await _say(sink, *witness) is _Said.THERE:
        gone = {key for key in said if said[key] is _Said.GONE}
        found.gone = set(missing) if gone == said.keys() else gone
    found.unknown = set(missing) - found.gone - found.there
    return found


async def _say_all(sink: Sink, missing: Mapping[str, IndexEntry], keys: Iterable[str]) -> dict[str, _Said]:
    ordered = sorted(keys)
    answers = await together([_say(sink, key, asked_as(key, missing[key])) for key in ordered])
    return dict(zip(ordered, answers, strict=True))


def asked_as(key: str, entry: IndexEntry) -> str:
    """The id the API is asked for; where keys are in lower case, as the API spells it."""
    return entry.scope.partition("=")[2] if entry.scope else str(orjson.loads(key)[0])


async def _say(sink: Sink, key: str, identity: str) -> _Said:
    if identity in ("", ".", ".."):
        return _Said.NOTHING  # in a path these lead elsewhere
    path = f"{sink.stream.path}/{quote(identity, safe='')}"
    try:
        answer = await sink.client.get(path)
    except NotFound:
        return _Said.GONE
    except (BadRequest, Forbidden, PlanRequired):
        return _Said.NOTHING
    records = [answer, *answer.values()] if isinstance(answer, dict) else []  # alone, or in an envelope
    keys = sink.ctx.log(sink.stream.name).keys([one for one in records if isinstance(one, dict)])
    return _Said.THERE if key in keys else _Said.NOTHING
