"""`instantly-pipeline`: the commands and their options.

Only click is imported here. Each command is implemented in its own module, imported when the command is called.
"""

from __future__ import annotations

import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import click

from instantly_pipeline import __version__
from instantly_pipeline.cli.failures import Commands, run_safely
from instantly_pipeline.cli.process import exit_process, fast_imports
from instantly_pipeline.cli.signals import install_handlers
from instantly_pipeline.cli.webhooks import webhooks
from instantly_pipeline.errors import UsageError

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main() -> None:
    """The entry point of the command `instantly-pipeline`."""
    install_handlers()
    exit_process(run_safely(cli, sys.argv[1:]))


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
@click.option("--streams", metavar="A,B", help="Only these streams or groups; the streams they need are read first.")
@click.option("--workspace", "workspaces", metavar="NAME", multiple=True, help="Only this workspace; may be repeated.")
@click.option("--events", is_flag=True, help="Only webhook events, and the leads that new ones name: for every minute.")
@click.option("--full", is_flag=True, help="Read everything again, changed or not.")
@click.option("--accept-deletes", is_flag=True, help="Carry out held deletions, after asking the API once more.")
@click.option("--wait", is_flag=True, help="Wait while another command is writing, instead of ending with code 2.")
def sync(
    streams: str | None, workspaces: tuple[str, ...], events: bool, full: bool, accept_deletes: bool, wait: bool
) -> int:
    """Read what has changed, build the tables, check and publish them.

    The same run as a scheduled one, and shown in Dagster's UI (`make ui`). It can be stopped at any time; the next one
    continues. Exit code 0: all well. 1: nothing was published. 2: wrong command, setting or lock. 3: published, with
    something skipped, failed or held.

    \b
    Example:
      instantly-pipeline sync
      instantly-pipeline sync --streams campaigns,leads --wait
      instantly-pipeline sync --events
    """
    with fast_imports():
        from instantly_pipeline.cli.sync_command import sync_command

    return sync_command(
        streams=streams, workspaces=workspaces, events=events, full=full, accept_deletes=accept_deletes, wait=wait
    )  # fmt: skip


@cli.command(short_help="Show how many requests a sync needs, how long they take, and why.")
@click.option("--streams", metavar="A,B", help="Only these streams or groups, and the streams they need.")
@click.option("--workspace", "workspaces", metavar="NAME", multiple=True, help="Only this workspace; may be repeated.")
@click.option("--events", is_flag=True, help="As `sync --events`: webhook events, and the leads that new ones name.")
@click.option("--full", is_flag=True, help="As `sync --full`, which reads everything again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def plan(streams: str | None, workspaces: tuple[str, ...], events: bool, full: bool, as_json: bool) -> int:
    """Show how many requests a sync with the same options needs: requests and minutes by stream, and why.

    It sends at most five requests besides the list of campaigns, and writes nothing. For streams that were never read,
    it shows an estimate as a range. Exit code 0: all well. 1: no key is accepted. 2: wrong command or setting.
    3: some workspaces cannot be read.

    \b
    Example:
      instantly-pipeline plan
      instantly-pipeline plan --streams campaigns,leads --full
    """
    from instantly_pipeline.cli.plan_command import plan_command

    return plan_command(streams=streams, workspaces=workspaces, events=events, full=full, as_json=as_json)


@cli.command(short_help="Check whether a sync would work: settings, keys, disk.")
@click.option("--probe", is_flag=True, help="Find out instead how the API behaves, with about 25 read requests.")
@click.option("--workspace", metavar="NAME", help="With --probe: this workspace instead of the first one.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="With --probe: where to write the answers. Default: probe.json in the data directory.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def doctor(probe: bool, workspace: str | None, out: Path | None, as_json: bool) -> int:
    """Check the settings, the workspace and scopes of each key, the data directory and the published file.

    Each line says what to do if something is wrong. It calls every endpoint once and writes nothing. Exit
    code 0: all well. 2: a setting, a key or the data directory is wrong. 3: some streams cannot be read, or the
    published file cannot be opened.

    With --probe it finds out what the API's documentation leaves open, and writes the answers to a file without keys,
    ids, names or addresses. It only reads, from Instantly. Exit code 0: every request was answered. 2: none was.
    3: some were not.

    \b
    Example:
      instantly-pipeline doctor
      instantly-pipeline doctor --probe
      instantly-pipeline doctor --probe --workspace acme --out probe-acme.json
    """
    if probe:
        from instantly_pipeline.cli.probe_command import probe_command

        return probe_command(workspace=workspace, out=out, as_json=as_json)
    if workspace is not None or out is not None:
        raise UsageError("--workspace and --out belong to --probe: instantly-pipeline doctor --probe.")
    from instantly_pipeline.cli.doctor_command import doctor_command

    return doctor_command(as_json=as_json)


@cli.command(short_help="Show what is published, how fresh it is, the last runs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(as_json: bool) -> int:
    """Show what is published, how fresh each stream is, and the last runs.

    \b
    Example:
      instantly-pipeline status
    """
    from instantly_pipeline.cli.status_command import status_command

    return status_command(as_json=as_json)


@cli.command(short_help="Run one SQL statement on the published file.")
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows (a table: 100 unless given).")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="Stop after SECONDS, with exit code 124.")  # fmt: skip
@click.option(
    "--build", is_flag=True, help="Query the tables as last built, published or not: to see rows that fail a check."
)
def query(sql: str, form: str, limit: int | None, timeout: float | None, build: bool) -> int:
    """Run one SQL statement on the published file, read-only; `-` reads it from standard input.

    It uses at most INSTANTLY_MEMORY_LIMIT of memory, and spills the rest to a temporary folder in the data directory.

    \b
    Example:
      instantly-pipeline query "select campaign_name, sent, reply_rate from marts.rpt_campaign_summary"
      instantly-pipeline query "from marts.fct_campaign_daily" --format csv > daily.csv
    """
    from instantly_pipeline.cli.query_command import query_command

    return query_command(sql, form=form, limit=limit, timeout=timeout, build=build)


@cli.command(short_help="Write one HTML page of the published data.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Default: publish/report.html of the data directory; with --client, report-<name>.html there.",
)
@click.option("--client", metavar="NAME", help="Only the page of this client of sql/seeds/clients.csv.")
def report(out: Path | None, client: str | None) -> int:
    """Write one HTML page: targets, trend, campaigns, funnel, steps, senders, runway, freshness.

    The page is one file that loads nothing from elsewhere; it can be mailed or printed. It contains totals, never data
    of a contact. The published file is only read. The page of one client is made from the rows of that client alone.

    \b
    Example:
      instantly-pipeline report
      instantly-pipeline report --out weekly.html
      instantly-pipeline report --client "Acme Corp"
    """
    from instantly_pipeline.cli.report_command import report_command

    return report_command(out, client)


@cli.command(short_help="Write one mart as CSV, Parquet or xlsx.")
@click.argument("mart")
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "xlsx"]), required=True,
              help="For a spreadsheet use xlsx.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE",
              help="Default: <mart>.<format> in the current folder. An existing file is replaced.")  # fmt: skip
def export(mart: str, form: str, out: Path | None) -> int:
    """Write all rows of one mart of the published file, such as rpt_campaign_summary. Times are UTC.

    csv and parquet keep every text as it is. xlsx holds at most 1,048,575 rows, and a text in it is never a formula. A
    spreadsheet that opens the CSV may read a text that begins with = + - or @ as a formula.

    \b
    Example:
      instantly-pipeline export rpt_campaign_summary --format xlsx
      instantly-pipeline export marts.fct_campaign_daily --format parquet --out exports/daily.parquet
    """
    from instantly_pipeline.cli.export_command import export_command

    return export_command(mart, form=form, out=out)


@cli.command(short_help="Serve a local Instantly API.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 picks a free one.")
@click.option("--key", default="sandbox-key", show_default=True, help="The key it accepts.")
@click.option("--profile", type=click.Choice(["live", "seed"]), default="live", show_default=True,
              help="Answer as the live API does, or as an older description of it.")  # fmt: skip
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed generates the same data.")
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True, help="Days of history.")
@click.option("--now", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]), metavar="T",
              help="The time at which the data ends, in UTC. Default: now.")  # fmt: skip
@click.option("--campaigns", type=click.IntRange(min=0), default=12, show_default=True)
@click.option("--leads", type=click.IntRange(min=0), default=5000, show_default=True)
@click.option("--accounts", type=click.IntRange(min=0), default=24, show_default=True, help="Sending accounts.")
@click.option("--workspaces", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--unlimited", is_flag=True, help="Without a rate limit.")
def sandbox(port: int, now: datetime | None, unlimited: bool, **world: object) -> int:
    """Serve a local Instantly API with generated data, until Ctrl-C.

    \b
    Example:
      instantly-pipeline sandbox --port 8765 --campaigns 30 --leads 20000
    """
    _require_sandbox()
    from instantly_pipeline.cli.sandbox_command import sandbox_command

    return sandbox_command(port=port, now=now, unlimited=unlimited, world=world)


_WAIT = click.option(
    "--wait", is_flag=True, help="Wait while another command is writing, instead of ending with code 2."
)


@cli.command(short_help="Rebuild the tables from the lake, or as once published.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]), metavar="T",
              help="As last published at or before T (UTC; a date means its midnight).")  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="With --as-of: the file to write."
)
@_WAIT
def rebuild(as_of: datetime | None, out: Path | None, wait: bool) -> int:
    """Rebuild the tables from the lake alone, and publish them. Sends no request.

    With --as-of the tables of a past publication are written to a file of their own, publish/as-of-<T>.duckdb. The
    path of the file is printed.

    \b
    Example:
      instantly-pipeline rebuild
      instantly-pipeline rebuild --as-of 2026-03-31T23:59:59Z --out quarter.duckdb
    """
    from instantly_pipeline.cli.maintenance_command import rebuild_command

    return rebuild_command(as_of=as_of, out=out, wait=wait)


@cli.command(short_help="Build the tables and run every check; publish nothing.")
@_WAIT
def check(wait: bool) -> int:
    """Build the tables from the lake and run every check, without publishing. Exit code 1 if a blocking check fails.

    \b
    Example:
      instantly-pipeline check
    """
    from instantly_pipeline.cli.maintenance_command import check_command

    return check_command(wait=wait)


@cli.command(short_help="Merge the many small files of past days.")
@_WAIT
def compact(wait: bool) -> int:
    """Merge the files of past days into one per day and stream; no result changes, and readers are not disturbed.

    \b
    Example:
      instantly-pipeline compact
    """
    from instantly_pipeline.cli.maintenance_command import compact_command

    return compact_command(wait=wait)


@cli.command(short_help="Forget how far some streams were read; keep their rows.")
@click.option("--streams", metavar="A,B", required=True, help="These streams or groups.")
@_WAIT
def reset(streams: str, wait: bool) -> int:
    """Forget how far some streams were read: the next sync reads them from their beginning. Rows and history stay.

    \b
    Example:
      instantly-pipeline reset --streams daily_analytics,step_analytics
    """
    from instantly_pipeline.cli.maintenance_command import reset_command

    return reset_command(streams=streams, wait=wait)


@cli.command(short_help="Sync a local sandbox twice, from nothing to marts.")
def demo() -> int:
    """Sync a local sandbox with 12 campaigns and 5,000 leads twice, with tables and report.

    Needs no key and no network. It writes demo-data/ (never data/) and starts over each time.

    \b
    Example:
      instantly-pipeline demo
    """
    _require_sandbox()
    from instantly_pipeline.cli.demo_command import demo_command

    return demo_command()


cli.add_command(webhooks)


def _require_sandbox() -> None:
    """UsageError where the extra `sandbox` is not installed."""
    if not all(find_spec(name) for name in ("httptools", "uvicorn")):
        raise UsageError("The local Instantly API is an extra: pip install 'instantly-pipeline[sandbox]' installs it.")
