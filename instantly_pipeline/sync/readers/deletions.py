"""Which of the records that a list did not show are gone: the API is asked for each by its id.

A list that ends early looks like one that is over, so its silence is no proof. `GET <list>/<id>` is: 404, while a
record that was just listed is answered (reference, section 2). Leads are asked for by a list of ids, in `sync/leads`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import quote

import orjson

from instantly_pipeline.errors import BadRequest, Forbidden, NotFound, PlanRequired
from instantly_pipeline.lake.runs import Entry
from instantly_pipeline.sync.readers.asking import together
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


async def ask_for(sink: Sink, missing: Mapping[str, Entry], witness: tuple[str, str] | None) -> Missing:
    """Ask for what a list did not show; `witness` is the key and the id of a record that it did.

    Many are judged by a random sample: where all of that are gone, all are. Exhausted where an answer did not come.
    """
    if witness is None or await _say(sink, *witness) is not _Said.THERE:
        return Missing(unknown=set(missing))
    chosen = sorted(missing)
    if len(chosen) > SAMPLE:
        chosen = random.Random(sink.ctx.files.run_id).sample(chosen, SAMPLE)
    asked = [(key, asked_as(key, missing[key])) for key in chosen]
    *said, still = await together([_say(sink, *one) for one in [*asked, witness]])
    if still is not _Said.THERE:
        return Missing(unknown=set(missing))
    by_answer = {answer: {key for key, s in zip(chosen, said, strict=True) if s is answer} for answer in _Said}
    if by_answer[_Said.GONE] == set(chosen):
        return Missing(gone=set(missing))
    found = Missing(gone=by_answer[_Said.GONE], there=by_answer[_Said.THERE])
    found.unknown = set(missing) - found.gone - found.there
    return found


def asked_as(key: str, entry: Entry) -> str:
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
    is_it = isinstance(answer, dict) and sink.ctx.log(sink.stream.name).keys([answer]) == [key]
    return _Said.THERE if is_it else _Said.NOTHING
