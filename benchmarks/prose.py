"""The paragraphs of `results.md`: what was compared with what, and how."""

from __future__ import annotations

from benchmarks import lineup
from benchmarks.parts import (
    DAYS,
    LEADS_PER_CAMPAIGN,
    PROBE_LATENCY,
    SLOW_REQUESTS,
    SLOW_SECONDS,
    VENDOR_LATENCY,
)
from benchmarks.targets import FULL

TOP = f"""# Results of the benchmark

Written by `make bench`; every figure here was measured by it, or is said to be computed. Seconds and memory are wanted
of {FULL:,} leads on two cores: where fewer were measured they are shown, and neither met nor missed.
"""

WORKSPACE = f"""One campaign for {LEADS_PER_CAMPAIGN:,} leads, an unlimited server; all streams, all tables, the whole
command. Everything was read anew in a copy of the data directory. The tables were built from the lake at the end, with
the memory that DuckDB may use set to what is named."""

UNCHANGED = (
    f"""Ten leads for each campaign, {DAYS} days, all streams, to the lake; requests as counted by the sandbox."""
)

VENDOR_LIMIT = f"100 a second, 6,000 a minute, {VENDOR_LATENCY} s an answer"
SLOW_LIMIT = f"{SLOW_REQUESTS} in {SLOW_SECONDS:.0f} s, {VENDOR_LATENCY} s an answer"

LIMITS = """Ours to the lake, timed by the sandbox from the first request to the last. Of one chain of the bare script a
sample of pages was read; its time is computed as pages times the time of one."""

LARGE = "As above, in one round."

CONTENDERS = """Medians over the rounds; each round has a sandbox of its own, which had served every lead before, and
begins with another contender. Those that bring up to date what they have ran once more when six hours had passed in the
sandbox. The bare script only fetches, decodes and writes; ours to the lake is compared with the variant that has as
many chains as ours has requests under way."""

HOW = f"""## How it is measured

- Seconds are those of the whole process, imports included. Processor seconds are user and system time, with children
  that were waited for. The peak is the greatest sum of the proportional set sizes of all processes of a run, looked at
  five times a second; mapped files count as far as they are in memory.
- The sandbox's world ends on a Sunday night. In the six hours after it about one lead in a thousand changes, is new,
  was deleted or has moved, and most campaigns' counters move; the same in each run of the benchmark.
- {lineup.LAKE}: campaigns, campaign_analytics and leads; each page compared with the versions known before, what
  differs written as Parquet, fsynced.
- {lineup.PUBLISHED_LEADS}: `instantly-pipeline sync --streams {",".join(lineup.LEAD_STREAMS)}`, with all models, checks
  and the publication.
- {lineup.DLT_HISTORY}: rest_api source, merged into DuckDB by the strategy scd2: each version of a lead is a row, what
  is no longer listed is retired. No models, checks or publication. Two workers normalize, DuckDB is given Parquet.
- {lineup.DLT}: the same source, Parquet, filesystem destination on the local disk; each run replaces what was there.
- {lineup.AIRBYTE}: a low-code manifest, run by `source-declarative-manifest read`; it writes records as JSON to a file.
- bare script: httpx, orjson, polars; a Parquet file every 50 pages, without fsync, retries or order.
- How many requests ours has under way is found by a sync with {PROBE_LATENCY} s of latency; the sandbox's own speed by
  plain sockets that decode nothing.
- leads: those in what was written, deleted ones apart, counted afterwards; where the sandbox has another number, it is
  said. A sync that reads what changed finds some changes of leads without a campaign later, within 14 days.
"""
