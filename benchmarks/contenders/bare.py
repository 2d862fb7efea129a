"""The bare script: fetch, decode and write the pages of leads as Parquet, and nothing else.

No key order, no history, no retries, no checkpoint, no fsync: the least that any reader of this list has to do.
`--chains N` splits the ids into N equal parts, which the server takes as cursors, and reads them side by side.
"""

import argparse
import asyncio
import itertools
from pathlib import Path

import httpx
import orjson
import polars as pl
import uvloop

PAGE = 100
PAGES_PER_FILE = 50  # as ours


def cells(record: dict[str, object]) -> dict[str, object]:
    """The record with objects as JSON text: their fields differ from lead to lead in name and type."""
    return {k: orjson.dumps(v).decode() if isinstance(v, dict | list) else v for k, v in record.items()}


async def chain(
    http: httpx.AsyncClient, out: Path, name: int, *, start: str | None, stop: str | None, most: float
) -> None:
    """Read from the cursor `start` to the id `stop`, a file every fifty pages."""
    rows: list[dict[str, object]] = []
    cursor, last, files = start, False, itertools.count()
    for number in itertools.count(1):
        body = {"limit": PAGE} if cursor is None else {"limit": PAGE, "starting_after": cursor}
        answer = await http.post("/api/v2/leads/list", content=orjson.dumps(body))
        page = orjson.loads(answer.raise_for_status().content)
        items = page["items"]
        rows += [cells(r) for r in items if stop is None or r["id"] <= stop]
        cursor = page.get("next_starting_after")
        last = cursor is None or not items or (stop is not None and items[-1]["id"] > stop) or number >= most
        if rows and (last or number % PAGES_PER_FILE == 0):
            pl.from_dicts(rows, infer_schema_length=None).write_parquet(out / f"{name}-{next(files)}.parquet")
            rows = []
        if last:
            return


async def main() -> None:
    """Parse, open the connections, run the chains."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chains", type=int, default=1)
    parser.add_argument("--pages", type=float, default=float("inf"), help="stop a chain after so many")
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    marks = [f"{i * 2**32 // given.chains:08x}-0000-0000-0000-000000000000" for i in range(1, given.chains)]
    headers = {"Authorization": f"Bearer {given.key}", "User-Agent": "bare/1", "Content-Type": "application/json"}
    limits = httpx.Limits(max_connections=given.chains, max_keepalive_connections=given.chains)
    async with httpx.AsyncClient(base_url=given.url, headers=headers, limits=limits, timeout=90) as http:
        edges = itertools.pairwise([None, *marks, None])
        await asyncio.gather(
            *(chain(http, given.out, i, start=a, stop=b, most=given.pages) for i, (a, b) in enumerate(edges))
        )


if __name__ == "__main__":
    uvloop.run(main())
