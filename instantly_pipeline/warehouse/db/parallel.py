"""Several statements at once on one DuckDB file, each on a connection of its own.

DuckDB spreads one statement over the cores only where it reads more than one row group (122,880 rows). The models and
checks of most workspaces are many statements over fewer rows, so it is these that share the cores.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from typing import TypeVar

import duckdb

from instantly_pipeline.warehouse.db.sql_text import ident, text

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Connection = duckdb.DuckDBPyConnection
MOST = 4  # more would only take memory from each other


def run_parallel(
    con: Connection,
    needs: Mapping[K, Collection[K]],
    work: Callable[[Connection, K], T],
    begun: Callable[[K], None] = lambda _name: None,
) -> dict[K, T]:
    """`work(connection, name)` for every name in `needs`, each after the names it needs; results in that order.

    `begun` hears each name first, in the caller's thread. The first error is raised once what else runs has ended, on
    these connections or, one at a time, on `con`.
    """
    order = TopologicalSorter({name: [need for need in found if need in needs] for name, found in needs.items()})
    order.prepare()
    place = {name: n for n, name in enumerate(needs)}
    results: dict[K, T] = {}
    ready: list[K] = []
    running: dict[Future[T], tuple[K, Connection]] = {}
    cursors = _cursors(con, len(needs))
    free = list(cursors)
    pool = ThreadPoolExecutor(max_workers=len(cursors), thread_name_prefix="duckdb")
    try:
        while order.is_active():
            ready = sorted([*ready, *order.get_ready()], key=place.__getitem__)
            while ready and free:
                name, cursor = ready.pop(0), free.pop()
                begun(name)
                running[pool.submit(work, cursor, name)] = (name, cursor)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, cursor = running.pop(future)
                free.append(cursor)
                with _noted(name):
                    results[name] = future.result()
                order.done(name)
    except BaseException:
        _end(running, [con, *cursors])
        raise
    finally:
        pool.shutdown()
        for cursor in cursors:
            cursor.close()
    return {name: results[name] for name in needs}


@contextmanager
def _noted(name: Hashable) -> Iterator[None]:
    """Notes beside an error at what it was raised."""
    try:
        yield
    except Exception as error:
        error.add_note(str(getattr(name, "name", name)))
        raise


def _end(running: Collection[Future[T]], cursors: Sequence[Connection]) -> None:
    """Interrupt what is under way on any of these connections until nothing is: between two statements none hears it.

    A second Ctrl-C changes nothing: only what has ended leaves the file to others.
    """
    while wait(running, timeout=0).not_done:
        with suppress(BaseException):
            for cursor in cursors:
                cursor.interrupt()
            wait(running, timeout=0.1)


def _cursors(con: Connection, at_most: int) -> list[Connection]:
    """Connections like `con`, as many as DuckDB has threads; a new one knows neither its database nor its time zone."""
    asked = "select current_setting('threads'), current_database(), current_setting('TimeZone')"
    threads, database, zone = con.execute(asked).fetchall()[0]
    cursors = [con.cursor() for _ in range(max(1, min(int(threads), MOST, at_most)))]
    for cursor in cursors:
        cursor.execute(f"use {ident(database)}; set TimeZone = {text(zone)}")
    return cursors
