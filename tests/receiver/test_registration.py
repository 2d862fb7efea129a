"""Registering twice, after unclear answers, and with keys that may not."""

from __future__ import annotations

from typing import Any

import pytest

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.errors import UnclearWrite, UsageError
from instantly_pipeline.receiver.registration import (
    ALL,
    Action,
    Webhook,
    create,
    list_webhooks,
    parse_events,
    plan_registration,
    remove,
    require_scope,
    resume,
)
from tests.api.fakes import KEY, client_of, run
from tests.api.server import Reply, Request, Server, Wire, refusal

URL = "https://hooks.example.com/webhooks/instantly"
SECRET = "s3cret-of-this-test"


class Instantly:
    """The webhooks of a workspace. `reply`: what a write is answered instead of 200; `has_effect`: whether it works."""

    def __init__(self, reply: Reply | None = None, *, has_effect: bool = True) -> None:
        self.webhooks: dict[str, dict[str, Any]] = {}
        self._reply = reply
        self._has_effect = has_effect

    def __call__(self, request: Request) -> Reply:
        if request.method == "GET":
            return Reply({"items": list(self.webhooks.values())})
        if self._has_effect:
            self._change(request)
        return self._reply or Reply({})

    def _change(self, request: Request) -> None:
        parts = request.path.split("/")
        if request.method == "DELETE":
            del self.webhooks[parts[-1]]
        elif parts[-1] == "resume":
            self.webhooks[parts[-2]]["status"] = 1
        else:
            key = f"webhook-{len(self.webhooks)}"
            self.webhooks[key] = {"id": key, "status": 1, **request.json}


async def _create(client: ApiClient) -> None:
    await create(client, URL, "reply_received", SECRET)


async def _resume(client: ApiClient) -> None:
    await resume(client, Webhook("old", URL, ALL))


async def _remove(client: ApiClient) -> None:
    await remove(client, Webhook("old", URL, ALL))


UNCLEAR = [Reply({}, 500), Reply({}, 504), Reply(wire=Wire.RESET), Reply(wire=Wire.CLOSE), Reply(b"<html>")]


@pytest.mark.parametrize("reply", UNCLEAR)
@pytest.mark.parametrize("write", [_create, _resume, _remove])
def test_after_an_unclear_answer_it_looks_and_finds_what_was_done(write: Any, reply: Reply) -> None:
    async def main() -> None:
        instantly = Instantly(reply)
        instantly.webhooks["old"] = {"id": "old", "target_hook_url": URL, "event_type": ALL, "status": -1}
        async with Server(script=instantly) as server, client_of(server) as client:
            await write(client)
            assert len([request for request in server.requests if request.method != "GET"]) == 1

    run(main())


@pytest.mark.parametrize("reply", UNCLEAR)
@pytest.mark.parametrize("write", [_create, _resume, _remove])
def test_after_an_unclear_answer_without_effect_it_says_so_and_sends_nothing_again(write: Any, reply: Reply) -> None:
    async def main() -> None:
        instantly = Instantly(reply, has_effect=False)
        instantly.webhooks["old"] = {"id": "old", "target_hook_url": URL, "event_type": ALL, "status": -1}
        async with Server(script=instantly) as server, client_of(server) as client:
            with pytest.raises(UnclearWrite, match="webhooks list"):
                await write(client)
            assert len([request for request in server.requests if request.method != "GET"]) == 1

    run(main())


@pytest.mark.parametrize(("write", "scope"), [
    (_create, "webhooks:create"), (_resume, "webhooks:update"), (_remove, "webhooks:delete"),
])  # fmt: skip
def test_a_403_names_the_scope(write: Any, scope: str) -> None:
    async def main() -> None:
        async with Server(refusal(403)) as server, client_of(server) as client:
            with pytest.raises(UsageError, match=scope):
                await write(client)

    run(main())


def test_a_webhook_that_is_gone_already_counts_as_removed() -> None:
    async def main() -> None:
        async with Server(refusal(404)) as server, client_of(server) as client:
            await _remove(client)

    run(main())


def keys(**key: Any) -> Reply:
    return Reply({"items": [{"id": "1", "key": "another", "scopes": []}, {"id": "2", **key}]})


@pytest.mark.parametrize("scopes", [["webhooks:create"], ["webhooks:all"], ["all:create"], ["all:read", "all:all"]])
def test_a_key_with_the_scope_may(scopes: list[str]) -> None:
    async def main() -> None:
        async with Server(keys(key=KEY, scopes=scopes)) as server, client_of(server) as client:
            await require_scope(client, KEY, "create")

    run(main())


def test_a_key_that_is_listed_without_the_scope_is_told_before_anything_is_sent() -> None:
    async def main() -> None:
        async with Server(keys(key=KEY, scopes=["all:read", "webhooks:read"])) as server, client_of(server) as client:
            with pytest.raises(UsageError, match="webhooks:create"):
                await require_scope(client, KEY, "create")
            assert {request.method for request in server.requests} == {"GET"}

    run(main())


@pytest.mark.parametrize("reply", [
    keys(key="****", scopes=["all:read"]), keys(key=KEY), refusal(403), refusal(404), refusal(400),
])  # fmt: skip
def test_where_the_scopes_cannot_be_known_it_goes_on(reply: Reply) -> None:
    async def main() -> None:
        async with Server(reply) as server, client_of(server) as client:
            await require_scope(client, KEY, "create")

    run(main())


def there(event: str | None, *, status: int = 1, secret: str | None = SECRET, **other: Any) -> Webhook:
    return Webhook(**{"id": f"id-{event}", "url": URL, "event": event, "status": status, "secret": secret} | other)


@pytest.mark.parametrize(("existing", "action"), [
    ([], Action.CREATE),
    ([there("reply_received")], Action.NOTHING),
    ([there(ALL)], Action.NOTHING),
    ([there("reply_received", status=-1)], Action.RESUME),
    ([there("reply_received", secret=None)], Action.NOTHING),
    ([there("email_sent")], Action.CREATE),
    ([there(None)], Action.CREATE),
    ([there("reply_received", campaign="c1")], Action.CREATE),
    ([there("reply_received", url="https://elsewhere.example")], Action.CREATE),
])  # fmt: skip
def test_what_is_there_is_not_doubled(existing: list[Webhook], action: Action) -> None:
    (step,) = plan_registration(existing, URL, ["reply_received"], SECRET)
    assert step.action is action


def test_another_secret_is_told_without_showing_one() -> None:
    with pytest.raises(UsageError, match="id-all_events") as raised:
        plan_registration([there(ALL, secret="older-secret")], URL, ["reply_received"], SECRET)
    assert "older" not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_webhook_shows_no_secret() -> None:
    assert SECRET not in repr(there(ALL))


@pytest.mark.parametrize(("text", "events"), [
    ("all", [ALL]), ("ALL_EVENTS", [ALL]), ("reply_received, email_sent", ["reply_received", "email_sent"]),
    ("email_sent,email_sent", ["email_sent"]), ("email_sent,all", [ALL]), ("link_clicked", ["email_link_clicked"]),
])  # fmt: skip
def test_kinds_of_events_are_given_by_name(text: str, events: list[str]) -> None:
    assert parse_events(text) == events


@pytest.mark.parametrize("text", ["", " , ", "replies", "email_sent,opened"])
def test_an_unknown_kind_is_told_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="reply_received"):
        parse_events(text)


def test_odd_listings_are_read() -> None:
    items = [{"id": "a"}, {}, {"id": "b", "headers": "x", "target_hook_url": None, "status": "1"},
             {"id": "c", "headers": {"x-webhook-SECRET": SECRET}}]  # fmt: skip

    async def main() -> None:
        async with Server(Reply({"items": items})) as server, client_of(server) as client:
            assert [(each.id, each.secret) for each in await list_webhooks(client)] == [
                ("a", None), ("b", None), ("c", SECRET),
            ]  # fmt: skip

    run(main())


@pytest.mark.parametrize("status", [400, 402, 403, 404, 413])
def test_a_list_of_keys_that_is_refused_does_not_stop_a_registration(status: int) -> None:
    async def main() -> None:
        async with Server(refusal(status)) as server, client_of(server) as client:
            await require_scope(client, KEY, "create")

    run(main())


def test_webhooks_with_odd_types_are_listed() -> None:
    async def main() -> None:
        odd = {"target_hook_url": URL, "campaign": {"id": 1}, "headers": [SECRET], "status": "1"}
        items = [{**odd, "id": number, "event_type": event} for number, event in enumerate([7, "all_events", None], 1)]
        async with Server(Reply({"items": items})) as server, client_of(server) as client:
            assert {each.event for each in await list_webhooks(client)} == {"7", ALL, None}

    run(main())
