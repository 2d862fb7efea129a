"""`GET /webhook-events`: the attempts to deliver events, and their counts.

Attempts are columns over the events; one is rendered when it is asked for.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.endpoints.event_payloads import told_by
from instantly_sandbox.http import ApiError, Response, ok
from instantly_sandbox.paging import page, query_limit
from instantly_sandbox.world.lead_records import contact_of
from instantly_sandbox.world.seeded import (
    Bools,
    Ids,
    Ints,
    iso_column,
    mix,
    mix_array,
    uuid_column,
    uuid_text,
)
from instantly_sandbox.world.world import World

Record = dict[str, Any]
HOOKS = (
    ("https://hooks.example/in/replies", "reply_received"),
    ("https://hooks.example/in/all?token=wh-sandbox-SECRET-2", "all_events"),
)
RETRY_AFTER = 10_000  # three attempts within 30 s, as third parties report
ATTEMPTS = 3


class Attempts:
    """The attempts to deliver the events to `HOOKS`, by id, which is also by time; one in twenty fails first."""

    def __init__(self, world: World) -> None:
        told = told_by(world)
        every, marks = np.arange(len(told)), told.marks()
        parts = []
        for hook, (_, kind) in enumerate(HOOKS):
            chosen = every[told.is_reply()] if kind == "reply_received" else every
            mark = mix_array(marks[chosen] ^ np.uint64(hook))
            tries = _failures(mark)
            first = told.seen[chosen] + 800 + (mark % np.uint64(1500)).astype(np.int64)
            for number in range(ATTEMPTS):
                made = np.flatnonzero(tries >= number)
                at = first[made] + number * RETRY_AFTER
                columns = (chosen[made], np.full(len(made), hook), np.full(len(made), number), tries[made], at)
                parts.append(np.stack([column.astype(np.int64) for column in columns]))
        told_at, hook_of, number_of, tries_of, at = np.concatenate(parts, axis=1)
        past = at <= world.now
        mark = mix_array(marks[told_at] ^ (hook_of * ATTEMPTS + number_of + 1).astype(np.uint64))
        hi = (at.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000) | (mark & np.uint64(0xFFF))
        lo = (mix_array(mark) & np.uint64((1 << 62) - 1)) | np.uint64(1 << 63)
        order = np.lexsort((lo, hi))
        order = order[past[order]]
        self.told, self.hook, self.number, self.tries, self.at = (
            column[order] for column in (told_at, hook_of, number_of, tries_of, at)
        )
        self.ids: Ids = uuid_column(hi[order], lo[order])
        self.marks = marks

    @property
    def success(self) -> Bools:
        return np.asarray(self.number == self.tries)


def _failures(mark: np.ndarray) -> Ints:
    """How many attempts fail; as many as there are at most for one event in two hundred."""
    fails, again = mark % np.uint64(20) == 0, (mark >> np.uint64(8)) % np.uint64(10)
    return np.where(fails, np.where(again == 0, ATTEMPTS, np.where(again < 4, 2, 1)), 0).astype(np.int64)


def attempts_of(world: World) -> Attempts:
    """The attempts that were made until the clock's time."""
    made: Attempts = world.cached("attempts", lambda: Attempts(world))
    return made


def attempt_records(world: World, chosen: Ints) -> list[Record]:
    """Some attempts; `chosen` are indexes in `Attempts`."""
    made = attempts_of(world)
    rows = zip(
        [i.decode() for i in made.ids[chosen].tolist()],
        iso_column(made.at[chosen]),
        iso_column(made.at[chosen] + RETRY_AFTER),
        *[column[chosen].tolist() for column in (made.at, made.hook, made.number, made.tries)],
        made.marks[made.told[chosen]].tolist(),
        told_by(world).payloads(made.told[chosen]),
        strict=True,
    )
    return [_attempt(world, *row) for row in rows]


def _attempt(
    world: World,
    key: str,
    created: str,
    due: str,
    at: int,
    hook: int,
    number: int,
    tries: int,
    mark: int,
    payload: Record,
) -> Record:
    good, is_last = number == tries, number + 1 == ATTEMPTS
    ended = at + (min(tries, ATTEMPTS - 1) - number) * RETRY_AFTER <= world.now
    record: Record = {
        "id": key,
        "timestamp_created": created,
        "timestamp_created_date": created[:10],
        "organization_id": world.id,
        "success": good,
        "will_retry": not good and not is_last and at + RETRY_AFTER > world.now,
        "retry_count": number,
        "webhook_url": HOOKS[hook][0],
        "response_time_ms": 40 + mark % 200,
        "retry_group_id": uuid_text((mark & ~0xF000) | 0x4000, (mix(mark + hook) & ((1 << 62) - 1)) | (1 << 63)),
        "payload": payload,
    }
    if "lead_email" in payload:
        record["lead_email"] = payload["lead_email"]
    if good or mark % 3:
        record["status_code"] = 200 if good else 500
    if not good:
        record["error_message"] = "Request failed with status code 500" if mark % 3 else "timeout of 10000ms exceeded"
    if not good and not is_last:
        record["timestamp_next_retry"] = due
        if ended:
            record["retry_successful"] = tries < ATTEMPTS
    return record


def attempts(world: World) -> Iterator[Record]:
    """All attempts, the generated ones first and oldest first."""
    every = np.arange(len(attempts_of(world).at))
    yield from (r for start in range(0, len(every), 1000) for r in attempt_records(world, every[start : start + 1000]))
    yield from world.delivered


def _instant(record: Record) -> int:
    """When an attempt was made, of which its id begins with the milliseconds."""
    return int(record["id"][:8] + record["id"][9:13], 16)


class AttemptSource:
    """Some attempts as a source of pages, newest first; with the switch `shuffled_events` in no order."""

    name = "webhook_events"

    def __init__(self, world: World, chosen: np.ndarray, delivered: list[Record], *, is_shuffled: bool) -> None:
        self._world, self._delivered, made = world, delivered, attempts_of(world)
        real = np.array([record["id"].encode() for record in delivered], made.ids.dtype)
        ids = np.concatenate([made.ids[chosen], real])
        at = np.concatenate([made.at[chosen], np.array([_instant(r) for r in delivered], np.int64)])
        chosen = np.concatenate([chosen, -1 - np.arange(len(delivered))])  # below 0: one of `delivered`, -1 the first
        order = np.argsort(mix_array(at)) if is_shuffled else np.argsort(ids, kind="stable")[::-1]
        self._chosen, self._ids = chosen[order], ids[order]
        self._by_id = np.argsort(self._ids)
        self._is_shuffled = is_shuffled
        self.size = len(chosen)

    def position(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        key = np.bytes_(cursor.encode())
        place = int(np.searchsorted(self._ids, key, side="left", sorter=self._by_id))
        if not self._is_shuffled:
            return self.size - place
        return int(self._by_id[place]) + 1 if place < self.size and self._ids[self._by_id[place]] == key else self.size

    def rows(self, start: int, count: int) -> list[bytes]:
        page = self._chosen[start : start + count]
        generated = iter(attempt_records(self._world, page[page >= 0]))
        return [orjson.dumps(self._delivered[-1 - i] if i < 0 else next(generated)) for i in page.tolist()]

    def cursor(self, index: int) -> str:
        return str(self._ids[index].decode())


def _asked(call: Call) -> np.ndarray:
    """The attempts that the parameters select: `success`, `from` and `to` (dates, inclusive), `search` (exact)."""
    made, request = attempts_of(call.world), call.request
    chosen = np.ones(len(made.at), bool)
    if (success := request.param("success")) is not None:
        chosen &= made.success == (success == "true")
    days = made.at.astype("M8[ms]").astype("M8[D]")
    if first := request.param("from"):
        chosen &= days >= np.datetime64(first[:10])
    if last := request.param("to"):
        chosen &= days <= np.datetime64(last[:10])
    if wanted := request.param("search"):
        chosen &= _found(call.world, made, wanted)
    return np.flatnonzero(chosen)


def _found(world: World, made: Attempts, wanted: str) -> Bools:
    """Which attempts went to this address, or are about the lead with it."""
    urls = [number for number, (url, _) in enumerate(HOOKS) if url == wanted]
    contact, told = contact_of(world.leads.names.seed, wanted.lower()), told_by(world)
    about = np.zeros(len(told), bool)
    if contact is not None:
        inside = told.event >= 0
        rows = world.leads.state.log.row[told.event[inside]]
        about[inside] = world.leads.leads.contact[rows] == contact
    return np.asarray(np.isin(made.hook, urls) | about[made.told])


def _delivered(call: Call) -> list[Record]:
    """The attempts really made that the parameters select."""
    request = call.request
    success, first, last, wanted = (request.param(name) for name in ("success", "from", "to", "search"))
    return [
        r
        for r in call.world.delivered
        if (success is None or r["success"] == (success == "true"))
        and (first or "0")[:10] <= r["timestamp_created_date"] <= (last or "9")[:10]
        and (wanted is None or wanted in (r["webhook_url"], r.get("lead_email")))
    ]


def webhook_events(call: Call) -> Response:
    request, world, shuffled = call.request, call.world, call.switches.shuffled_events
    asked = ("attempts", shuffled, *(request.param(name) for name in ("success", "from", "to", "search")))
    source = world.cached(
        (*asked, len(world.delivered)),
        lambda: AttemptSource(world, _asked(call), _delivered(call), is_shuffled=shuffled),
    )
    limit = query_limit(request, call.switches)
    return page(source, request.param("starting_after"), limit, call.switches, call.profile)


def webhook_event(call: Call) -> Response:
    key, made = np.bytes_(call.uuid().encode()), attempts_of(call.world)
    real = next((r for r in call.world.delivered if r["id"] == call.path_value), None)
    if real is not None:
        return ok(real)
    place = int(np.searchsorted(made.ids, key))
    if place == len(made.ids) or made.ids[place] != key:
        raise ApiError(404, "Resource not found")
    return ok(attempt_records(call.world, np.array([place]))[0])


def _outcomes(call: Call) -> tuple[np.ndarray, Bools]:
    """The date and the success of each attempt that the parameters select."""
    made, asked, real = attempts_of(call.world), _asked(call), _delivered(call)
    days = np.concatenate(
        [
            made.at[asked].astype("M8[ms]").astype("M8[D]"),
            np.array([r["timestamp_created_date"] for r in real], "M8[D]"),
        ]
    )
    return days, np.concatenate([made.success[asked], np.array([r["success"] for r in real], bool)])


def _share(success: Bools) -> Record:
    n, good = len(success), int(success.sum())
    return {
        "total_events": n,
        "successful_events": good,
        "failed_events": n - good,
        "success_rate": round(100 * good / n, 2) if n else 0,
    }


def webhook_summary(call: Call) -> Response:
    share = _share(_outcomes(call)[1])
    return ok({**share, "failure_rate": round(100 - share["success_rate"], 2) if share["total_events"] else 0})


def webhook_summary_by_date(call: Call) -> Response:
    days, success = _outcomes(call)
    return ok({"items": [{"date": str(day), **_share(success[days == day])} for day in np.unique(days)]})
