"""Lists are read to their end, and an end is never made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from instantly_pipeline.api.bodies import Page
from instantly_pipeline.errors import Exhausted, LoopingCursor

from .fakes import client_of, run
from .server import Reply, Request, Server, page, refusal


def read(*replies: Reply, method: str = "GET", **how: Any) -> tuple[list[Page], list[Request]]:
    """All pages of a list and the requests that were made for them."""

    async def main() -> tuple[list[Page], list[Request]]:
        async with Server(*replies) as server, client_of(server) as client:
            pages = [p async for p in client.pages(method, "/api/v2/list", **how)]
            return pages, server.requests

    return run(main())


def ids(pages: list[Page]) -> list[object]:
    return [item["id"] for p in pages for item in p.items]


def test_each_page_is_asked_for_with_the_cursor_of_the_one_before() -> None:
    pages, requests = read(page("a", after="a"), page("b", after="b"), page("c"))
    assert [(p.cursor, p.next_cursor) for p in pages] == [(None, "a"), ("a", "b"), ("b", None)]
    assert ids(pages) == ["a", "b", "c"]
    assert [dict(r.query).get("starting_after") for r in requests] == [None, "a", "b"]


def test_every_page_asks_for_a_hundred_records() -> None:
    _, requests = read(page("a", after="a"), page(), params={"limit": "5", "status": "1"})
    assert [r.query for r in requests] == [
        [("limit", "100"), ("status", "1")],
        [("limit", "100"), ("status", "1"), ("starting_after", "a")],
    ]


def test_a_post_carries_the_cursor_and_the_size_in_its_body() -> None:
    _, requests = read(page("a", after="a"), page("b"), method="POST", body={"campaign": "c"})
    assert [r.json for r in requests] == [
        {"campaign": "c", "limit": 100},
        {"campaign": "c", "limit": 100, "starting_after": "a"},
    ]
    assert [r.query for r in requests] == [[], []]


def test_a_list_can_be_taken_up_at_a_cursor() -> None:
    pages, requests = read(page("b"), start="a&x@y.example")
    assert dict(requests[0].query)["starting_after"] == "a&x@y.example"
    assert pages[0].cursor == "a&x@y.example"


@pytest.mark.parametrize("end", [page("z"), page("z", next_starting_after=None), page("z", after=""), page()])
def test_the_end_is_where_no_cursor_is_given(end: Reply) -> None:
    pages, requests = read(page("a", after="a"), end, page("beyond"))
    assert len(requests) == 2
    assert pages[-1].next_cursor is None
    assert "beyond" not in ids(pages)


def test_a_cursor_is_followed_behind_an_empty_page_too() -> None:
    pages, _ = read(page("a", after="a"), page(after="q"), page("z"))
    assert ids(pages) == ["a", "z"]


def test_pages_that_stay_empty_are_no_end_and_are_not_read_for_ever() -> None:
    cursors = iter(range(1_000))

    async def main() -> int:
        async with Server(script=lambda _: page(after=f"c{next(cursors)}")) as server, client_of(server) as client:
            with pytest.raises(LoopingCursor, match="empty pages"):
                [p async for p in client.pages("GET", "/api/v2/list")]
            return len(server.requests)

    assert run(main()) < 30


def id_of(record: Mapping[str, object]) -> str:
    return str(record["id"])


def test_a_full_page_without_a_cursor_is_asked_on_behind_its_last_record() -> None:
    pages, requests = read(page(*range(100)), page(*range(100, 130)), cursor_of=id_of)
    assert ids(pages) == list(range(130))
    assert [dict(r.query).get("starting_after") for r in requests] == [None, "99"]
    assert [p.next_cursor for p in pages] == ["99", None]


def test_a_page_that_says_what_nobody_knows_is_asked_on_as_well() -> None:
    pages, _ = read(page(*range(10), pagination={"next": "x"}), page(10, 11, total=12), page(), cursor_of=id_of)
    assert ids(pages) == list(range(12))


@pytest.mark.parametrize("answer", [refusal(400), refusal(404), refusal(500), page(), page(*range(100))])
def test_a_list_whose_last_page_is_full_is_over_where_nothing_new_follows(answer: Reply) -> None:
    pages, _ = read(page(*range(100)), answer, cursor_of=id_of)
    assert set(ids(pages)) == set(range(100))
    assert pages[-1].next_cursor is None


def test_a_page_that_is_not_full_and_has_no_cursor_is_the_last() -> None:
    _, requests = read(page(*range(99)), page("beyond"), cursor_of=id_of)
    assert len(requests) == 1


def poisoned(*bad: int, of: int = 250) -> Callable[[Request], Reply]:
    """A list in which a page fails that holds one of the `bad` records."""

    def answer(request: Request) -> Reply:
        asked = dict(request.query)
        start, size = int(asked.get("starting_after", -1)) + 1, int(asked["limit"])
        rows = range(start, min(start + size, of))
        if any(one in rows for one in bad):
            return refusal(500)
        return page(*rows, **({"after": str(rows[-1])} if rows and rows[-1] < of - 1 else {}))

    return answer


def test_a_page_that_fails_as_a_whole_is_read_in_parts_up_to_what_it_fails_for() -> None:
    given: list[object] = []

    async def main() -> None:
        async with Server(script=poisoned(137)) as server, client_of(server) as client:
            async for p in client.pages("GET", "/api/v2/list"):
                given.extend(ids([p]))

    with pytest.raises(Exhausted):
        run(main())
    assert given == list(range(137))


def test_a_page_too_large_for_the_server_is_read_in_parts_and_the_next_one_whole() -> None:
    refused = iter([True] * 8)  # the tries of one page

    def answer(request: Request) -> Reply:
        too_large = int(dict(request.query)["limit"]) == 100 and next(refused, False)
        return refusal(502) if too_large else poisoned()(request)

    async def main() -> list[str]:
        async with Server(script=answer) as server, client_of(server) as client:
            pages = [p async for p in client.pages("GET", "/api/v2/list")]
            assert ids(pages) == list(range(250))
            return [dict(r.query)["limit"] for r in server.requests]

    assert run(main())[8:] == ["10"] * 10 + ["100", "100"]


def test_the_last_page_may_carry_its_own_cursor_again_when_nothing_follows() -> None:
    pages, _ = read(page("a", after="a"), page(after="a"))
    assert ids(pages) == ["a"]


def test_a_list_ends_where_has_more_is_false() -> None:
    _, requests = read(page("a", after="a", has_more=True), page("b", after="b", has_more=False), page("c"))
    assert len(requests) == 2


def test_a_short_page_with_a_cursor_is_not_the_end() -> None:
    pages, _ = read(page(*range(99), after="x"), page("last"))
    assert ids(pages)[-1] == "last"


def test_a_bare_array_is_one_last_page() -> None:
    pages, requests = read(Reply([{"id": "a"}, {"id": "b"}]))
    assert (ids(pages), len(requests), pages[0].next_cursor) == (["a", "b"], 1, None)


def test_a_number_as_a_cursor_becomes_text() -> None:
    pages, requests = read(page("a", after=1723), page("b"))
    assert pages[0].next_cursor == "1723"
    assert dict(requests[1].query)["starting_after"] == "1723"


def test_entries_that_are_no_objects_are_left_out_and_counted() -> None:
    pages, requests = read(Reply({"items": ["x", None], "next_starting_after": "a"}), page("b"))
    assert [(p.items, p.dropped) for p in pages] == [([], 2), ([{"id": "b"}], 0)]
    assert len(requests) == 2  # a page of nothing but such entries is not an empty page


@pytest.mark.parametrize(
    "replies",
    [
        [page("a", after="a"), page("b", after="a")],
        [page("a", after="a"), page("b", after="b"), page("c", after="a")],
    ],
)
def test_a_cursor_that_comes_again_is_an_error_and_its_page_is_not_given(replies: list[Reply]) -> None:
    given: list[Page] = []

    async def main() -> None:
        async with Server(*replies) as server, client_of(server) as client:
            async for p in client.pages("GET", "/api/v2/list"):
                given.append(p)

    with pytest.raises(LoopingCursor, match="the same cursor twice"):
        run(main())
    assert len(given) == len(replies) - 1


def test_the_cursor_a_list_was_taken_up_at_may_not_come_again_either() -> None:
    with pytest.raises(LoopingCursor):
        read(page("b", after="a"), start="a")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": None},
        {"items": {}, "next_starting_after": "a"},
        {"error": {"code": "X", "message": "inside a 200"}},
        "text",
        None,
        {"items": [{"id": "a"}], "next_starting_after": {"id": "a"}},
        {"items": [{"id": "a"}], "next_starting_after": True},
    ],
)
def test_a_body_that_is_no_page_is_never_the_end_of_a_list(body: object) -> None:
    with pytest.raises(Exhausted):
        read(page("a", after="a"), Reply(body))


def test_a_page_that_fails_is_asked_for_again_with_the_same_cursor() -> None:
    pages, requests = read(page("a", after="a"), Reply({}), refusal(429), Reply(b"", 500), page("b"))
    assert ids(pages) == ["a", "b"]
    assert [dict(r.query).get("starting_after") for r in requests] == [None, "a", "a", "a", "a"]


def test_reading_can_stop_anywhere() -> None:
    async def main() -> int:
        async with Server(page("a", after="a"), page("b", after="b"), page("c")) as server, client_of(server) as client:
            async for _ in client.pages("GET", "/api/v2/list"):
                break
            await client.get("/api/v2/x")
            return len(server.requests)

    assert run(main()) == 2
