"""The paragraphs of `results.md`: what was compared with what, and how."""

from __future__ import annotations

from benchmarks import lineup
from benchmarks.parts import CAMPAIGNS, CHANGED, PROBE_LATENCY, VENDOR_LATENCY, YEAR

TOP = """# Results of the benchmark

Written by `make bench`; every figure here was measured by it, or is said to be computed.
"""

IN_TURN = """Medians over the rounds. In each round all contenders ran in turn, beginning with another one each time,
on the same sandbox, which had served every lead before the first. The bare script only fetches, decodes and writes;
ours to the lake is compared with the variant that has as many chains as ours has requests under way."""

LARGE = "One round."

GROWTH = """Each line is a process of its own, and its memory that process's peak: ours as far as the lake, without
DuckDB; once more, with everything read and compared again; and DuckDB's part alone."""

CHANGES = f"""All streams but steps by day, to the lake, in a workspace of {CAMPAIGNS} campaigns. Between first and
second sync a share of the campaigns got one new lead each, which moves their counters. Requests as counted by the
sandbox. Each share had the same first sync behind it."""

MODELS = f"""A workspace of {CAMPAIGNS} campaigns and {YEAR} days, all streams. Seconds of each step in one
process, after the imports, and the processor's for all four. New leads in {CHANGED} % of the campaigns change what most
models about leads read."""

VENDOR = f"""100 requests a second, 6,000 a minute, {VENDOR_LATENCY} s an answer. Ours was run in full, to the lake, and
timed by the sandbox from the first request to the last. Of one chain of the others a sample of pages was read; their
time is computed as pages times the time of one, from that sample."""

HOW = f"""## How it is measured

- Seconds are those of the whole process, imports included. Processor seconds are user and system time, with children
  that were waited for. Peak memory is the largest resident set of any one process of the contender.
- {lineup.LAKE}: campaigns, campaign_analytics and leads; each page compared with the versions known before, what
  differs written as Parquet, fsynced.
- {lineup.PUBLISHED}: `instantly-pipeline sync`, all streams, models, checks, publication.
- {lineup.PUBLISHED_LEADS}: the same with `--streams {",".join(lineup.LEAD_STREAMS)}`.
- {lineup.DLT}: rest_api source, Parquet, filesystem destination on the local disk; as it comes, and with two workers
  that normalize. Targets are reported against the faster one.
- {lineup.AIRBYTE}: a low-code manifest, run by `source-declarative-manifest read`; it writes records as JSON to a file.
- bare script: httpx, orjson, polars; a Parquet file every 50 pages, without fsync, retries or order.
- How many requests ours has under way is found by a sync with {PROBE_LATENCY} s of latency; the sandbox's own speed by
  plain sockets that decode nothing.
- leads found: distinct ids in what was written, counted afterwards.
"""
