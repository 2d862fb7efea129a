"""Statements that share the cores, on one file."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.warehouse.db.parallel import Connection, run_parallel

LONG = "select count(*) from range(1_000_000_000_000) r where hash(range) = 1"  # hours, if nobody ends it


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    """A file with two threads, whatever the machine has."""
    with duckdb.connect(str(tmp_path / "some.duckdb"), config={"threads": 2}) as made:
        made.execute("set TimeZone = 'Asia/Tokyo'")
        yield made


def test_each_is_done_after_those_it_needs_and_reported_in_the_order_asked(con: Connection) -> None:
    def work(hand: Connection, name: str) -> str:
        hand.execute(f"create table {name} as select '{name}' as name {'from a, b' if name == 'c' else ''}")
        return name.upper()

    assert list(run_parallel(con, {"c": ["a", "b"], "a": [], "b": ["a"]}, work).items()) == [
        ("c", "C"),
        ("a", "A"),
        ("b", "B"),
    ]
    assert con.execute("select * from c").fetchall() == [("c",)]


def test_an_error_says_at_which_of_them_it_was_raised(con: Connection) -> None:
    def work(hand: Connection, name: str) -> None:
        hand.execute(f"select {name}")

    with pytest.raises(duckdb.BinderException) as caught:
        run_parallel(con, {"nothing": ()}, work)
    assert caught.value.__notes__ == ["nothing"]


def test_two_are_under_way_at_once_on_connections_like_the_first(con: Connection) -> None:
    both = threading.Barrier(2, timeout=30)

    def work(hand: Connection, _name: str) -> list[tuple[str, str]]:
        both.wait()
        return hand.execute("select current_database(), current_setting('TimeZone')").fetchall()

    assert run_parallel(con, {"a": (), "b": ()}, work) == {key: [("some", "Asia/Tokyo")] for key in "ab"}


def test_the_caller_hears_each_name_in_its_own_thread(con: Connection) -> None:
    heard: list[tuple[str, int]] = []
    run_parallel(
        con, {"a": (), "b": ["a"]}, lambda _, name: name, lambda name: heard.append((name, threading.get_ident()))
    )
    assert heard == [("a", threading.get_ident()), ("b", threading.get_ident())]


def goes_wrong_beside_long_work(on: Connection | None = None) -> Callable[[Connection, str], None]:
    """Work that lasts, on a connection of its own or on a given one; "wrong" fails once that goes on."""
    running = threading.Event()

    def work(hand: Connection, name: str) -> None:
        if name == "wrong":
            assert running.wait(30)
            hand.execute("select * from nowhere")
        running.set()
        (on or hand).execute(LONG).fetchall()

    return work


def test_an_error_ends_what_runs_beside_and_nothing_more_is_begun(con: Connection) -> None:
    begun: list[str] = []
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        run_parallel(con, {"long": (), "wrong": (), "later": ()}, goes_wrong_beside_long_work(), begun.append)
    assert begun == ["long", "wrong"]
    assert con.execute("select 1").fetchall() == [(1,)]


def test_an_error_also_ends_what_the_work_does_on_the_first_connection(con: Connection) -> None:
    """Fingerprints are taken on it. Ctrl-C would wait for one of five million rows."""
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        run_parallel(con, {"long": (), "wrong": ()}, goes_wrong_beside_long_work(on=con))
    assert con.execute("select 1").fetchall() == [(1,)]


def test_what_begins_after_a_second_ctrl_c_is_ended_too(con: Connection) -> None:
    stopped = threading.Event()

    def work(hand: Connection, name: str) -> None:
        if name == "stop":
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.2)
            stopped.set()
            return
        assert stopped.wait(30)
        hand.execute(LONG).fetchall()

    with pytest.raises(KeyboardInterrupt):
        run_parallel(con, {"long": (), "stop": ()}, work)
    assert con.execute("select 1").fetchall() == [(1,)]
