"""`instantly-pipeline`: the commands and their options.

Only click is imported here. What a command does is in a module of its own, imported when it is called.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from instantly_pipeline import __version__
from instantly_pipeline.cli.failures import Commands, run_safely
from instantly_pipeline.cli.quick import leave, loading
from instantly_pipeline.cli.signals import listen

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main() -> None:
    """The entry point of the command `instantly-pipeline`. SIGTERM stops it as Ctrl-C does."""
    listen()
    leave(run_safely(cli, sys.argv[1:]))


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="instantly-pipeline")
def cli() -> None:
    """A faithful, always-queryable copy of Instantly.ai workspaces on your own disk.

    \b
    Try it without a key:     instantly-pipeline demo
    With your own workspace:  put INSTANTLY_API_KEY=<key> into .env, then
                              instantly-pipeline sync
    """


@cli.command(short_help="Read what has changed, build the tables, publish them.")
@click.option("--streams", metavar="A,B", help="Only these streams, by name; what they need is read first.")
@click.option("--workspace", "workspaces", metavar="NAME", multiple=True, help="Only this workspace; may be repeated.")
@click.option("--full", is_flag=True, help="Read everything again, moved or not.")
@click.option("--accept-deletes", is_flag=True, help="Let held deletions through, after asking the API once more.")
@click.option("--wait", is_flag=True, help="Wait where another command is writing, instead of ending with code 2.")
def sync(streams: str | None, workspaces: tuple[str, ...], full: bool, accept_deletes: bool, wait: bool) -> int:
    """Read what has changed, build the tables, check and publish them.

    The same run as a scheduled one, and shown in Dagster's UI (`make ui`). It can be stopped at any time; the next one
    goes on. Exit code 0: all well. 1: nothing was published. 2: wrong command, setting or lock. 3: published, with
    something skipped, failed or held.

    \b
    Example:
      instantly-pipeline sync
      instantly-pipeline sync --streams campaigns,leads --wait
    """
    with loading():
        from instantly_pipeline.cli.sync_command import sync_command

    return sync_command(
        streams=streams, workspaces=workspaces, full=full, accept_deletes=accept_deletes, wait=wait
    )  # fmt: skip


@cli.command(short_help="What a sync would ask for, and how long that takes.")
@click.option("--streams", metavar="A,B", help="Only these streams, by name, and what they need.")
@click.option("--workspace", "workspaces", metavar="NAME", multiple=True, help="Only this workspace; may be repeated.")
@click.option("--full", is_flag=True, help="As `sync --full`, which reads everything again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def plan(streams: str | None, workspaces: tuple[str, ...], full: bool, as_json: bool) -> int:
    """Say what a sync with the same options would ask for: requests and minutes by stream, and why.

    It asks for at most five things besides the list of campaigns, and writes nothing. What was never read can only be
    estimated, and is shown with a range. Exit code 0: all well. 1: no key opens anything. 2: wrong command or setting.
    3: some workspaces cannot be read.

    \b
    Example:
      instantly-pipeline plan
      instantly-pipeline plan --streams campaigns,leads --full
    """
    from instantly_pipeline.cli.plan_command import plan_command

    return plan_command(streams=streams, workspaces=workspaces, full=full, as_json=as_json)


@cli.command(short_help="Whether a sync would work: settings, keys, disk.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def doctor(as_json: bool) -> int:
    """Look at the settings, what each key opens and may read, the data directory and the published file.

    Each line says what to do where something is wrong. It asks every address of the API once and writes nothing. Exit
    code 0: all well. 2: a setting, a key or the data directory is wrong. 3: some streams cannot be read, or the
    published file cannot be opened.

    \b
    Example:
      instantly-pipeline doctor
    """
    from instantly_pipeline.cli.doctor_command import doctor_command

    return doctor_command(as_json=as_json)


@cli.command(short_help="What is published, how fresh it is, the last runs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(as_json: bool) -> int:
    """Show what is published, how fresh each stream is, and the last runs.

    \b
    Example:
      instantly-pipeline status
    """
    from instantly_pipeline.cli.status_command import status_command

    return status_command(as_json=as_json)


@cli.command(short_help="Answer one SQL statement from the published file.")
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows (a table: 100 unless given).")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="Stop after so many seconds, with exit code 124.")  # fmt: skip
@click.option(
    "--build", is_flag=True, help="Ask the tables as last built, published or not: for rows a check failed on."
)
def query(sql: str, form: str, limit: int | None, timeout: float | None, build: bool) -> int:
    """Answer one SQL statement from the published file, read-only; `-` reads it from standard input.

    It takes at most INSTANTLY_MEMORY_LIMIT; what a statement needs beyond that it writes to a temporary folder in the
    data directory.

    \b
    Example:
      instantly-pipeline query "select campaign_name, sent, reply_rate from marts.rpt_campaign_summary"
      instantly-pipeline query "from marts.fct_campaign_daily" --format csv > daily.csv
    """
    from instantly_pipeline.cli.query_command import query_command

    return query_command(sql, form=form, limit=limit, timeout=timeout, build=build)


@cli.command(short_help="Write one HTML page of what is published.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to; publish/report.html of the data directory unless given.")  # fmt: skip
def report(out: Path | None) -> int:
    """Write one HTML page of what is published: targets, trend, campaigns, funnel, steps, senders, runway, freshness.

    The page is one file that loads nothing from elsewhere; it can be mailed or printed. It holds sums, never a
    contact's data. The published file is only read.

    \b
    Example:
      instantly-pipeline report
      instantly-pipeline report --out weekly.html
    """
    from instantly_pipeline.cli.report_command import report_command

    return report_command(out)


@cli.command(short_help="Write one mart as CSV, Parquet or xlsx.")
@click.argument("mart")
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "xlsx"]), required=True,
              help="For a spreadsheet take xlsx.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE",
              help="Instead of <mart>.<format> in the current folder. A file that is there is replaced.")  # fmt: skip
def export(mart: str, form: str, out: Path | None) -> int:
    """Write all rows of one mart of the published file, such as rpt_campaign_summary. Times are UTC.

    csv and parquet hold every text as it is. In xlsx, which holds 1,048,575 rows, a text is never a formula; a
    spreadsheet that opens the CSV may take one that begins with = + - or @ for one.

    \b
    Example:
      instantly-pipeline export rpt_campaign_summary --format xlsx
      instantly-pipeline export marts.fct_campaign_daily --format parquet --out exports/daily.parquet
    """
    from instantly_pipeline.cli.export_command import export_command

    return export_command(mart, form=form, out=out)


@cli.command(short_help="Serve a local Instantly API.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--key", default="sandbox-key", show_default=True, help="The key it accepts.")
@click.option("--profile", type=click.Choice(["live", "seed"]), default="live", show_default=True,
              help="Answer as the live API does, or as an older description of it says.")  # fmt: skip
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed is the same world.")
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True, help="Days of history.")
@click.option("--now", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]), metavar="T",
              help="Where the world ends, in UTC; the real now unless given.")  # fmt: skip
@click.option("--campaigns", type=click.IntRange(min=0), default=12, show_default=True)
@click.option("--leads", type=click.IntRange(min=0), default=5000, show_default=True)
@click.option("--accounts", type=click.IntRange(min=0), default=24, show_default=True, help="Sending accounts.")
@click.option("--workspaces", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--unlimited", is_flag=True, help="Without a rate limit.")
def sandbox(port: int, now: datetime | None, unlimited: bool, **world: object) -> int:
    """Serve a local Instantly API with a small world behind it, until Ctrl-C.

    \b
    Example:
      instantly-pipeline sandbox --port 8765 --campaigns 30 --leads 20000
    """
    from instantly_pipeline.cli.sandbox_command import sandbox_command

    return sandbox_command(port=port, now=now, unlimited=unlimited, world=world)


_WAIT = click.option(
    "--wait", is_flag=True, help="Wait where another command is writing, instead of ending with code 2."
)


@cli.command(short_help="Make the tables anew from the lake, or as they once were.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]), metavar="T",
              help="As published last at or before T (UTC; a date alone is its midnight).")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="With --as-of: where to.")
@_WAIT
def rebuild(as_of: datetime | None, out: Path | None, wait: bool) -> int:
    """Make the tables anew from the lake alone, and publish them. Asks the API nothing.

    With --as-of the tables as a past run published them go to a file of their own, publish/as-of-<T>.duckdb. The path
    of the file is printed.

    \b
    Example:
      instantly-pipeline rebuild
      instantly-pipeline rebuild --as-of 2026-03-31T23:59:59Z --out quarter.duckdb
    """
    from instantly_pipeline.cli.maintenance_command import rebuild_command

    return rebuild_command(as_of=as_of, out=out, wait=wait)


@cli.command(short_help="Build the tables and ask every check; publish nothing.")
@_WAIT
def check(wait: bool) -> int:
    """Build the tables from the lake and ask every check, without publishing. Exit code 1 where a blocking one fails.

    \b
    Example:
      instantly-pipeline check
    """
    from instantly_pipeline.cli.maintenance_command import check_command

    return check_command(wait=wait)


@cli.command(short_help="Join the many small files of past days.")
@_WAIT
def compact(wait: bool) -> int:
    """Join the files of past days into one a day and stream; no answer changes, and readers are not disturbed.

    \b
    Example:
      instantly-pipeline compact
    """
    from instantly_pipeline.cli.maintenance_command import compact_command

    return compact_command(wait=wait)


@cli.command(short_help="Forget how far some streams were read; keep their rows.")
@click.option("--streams", metavar="A,B", required=True, help="These streams, by name.")
@_WAIT
def reset(streams: str, wait: bool) -> int:
    """Forget how far some streams were read: the next sync reads them from their beginning. Rows and history stay.

    \b
    Example:
      instantly-pipeline reset --streams daily_analytics,step_analytics
    """
    from instantly_pipeline.cli.maintenance_command import reset_command

    return reset_command(streams=streams, wait=wait)


@cli.command(short_help="Two syncs of a local sandbox, from nothing to marts.")
def demo() -> int:
    """Two syncs of a local sandbox with 12 campaigns and 5,000 leads, and the tables made of them.

    Needs no key and no network. It writes demo-data/ (never data/) and starts anew each time.

    \b
    Example:
      instantly-pipeline demo
    """
    from instantly_pipeline.cli.demo_command import demo_command

    return demo_command()
