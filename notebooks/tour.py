"""A tour of the published file: its contents, queries and charts. `make notebook` opens it in a browser."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A tour of the published file")


@app.cell(hide_code=True)
def _():
    import altair as alt
    import marimo as mo

    from instantly_pipeline.cli.published import published_or_demo
    from instantly_pipeline.errors import UsageError
    from instantly_pipeline.warehouse.published.published_file import open_published

    return UsageError, alt, mo, open_published, published_or_demo


@app.cell(hide_code=True)
def _(UsageError, mo, open_published, published_or_demo):
    try:
        file, _missing = published_or_demo(), ""
    except UsageError as error:
        file, _missing = None, f"**There is nothing to look at yet.** {error}"
    mo.stop(file is None, mo.callout(mo.md(_missing), kind="warn"))

    # Run this cell again after a sync: an open connection keeps reading the file that it opened.
    # The connection can read this file only, and uses at most INSTANTLY_MEMORY_LIMIT.
    warehouse = open_published(file)
    _published = warehouse.execute("select max(published_at at time zone 'UTC') from meta.published").fetchall()
    mo.md(f"""
    # A tour of the published file

    This notebook reads `{file}`, published {_published[0][0]:%Y-%m-%d %H:%M} UTC, and changes nothing. Each part
    answers one question with SQL and a chart; change the SQL and run the cell for a question of your own. Every table
    and column is described in `docs/data-dictionary.md`, and `docs/queries.md` has twenty more questions.
    """)
    return (warehouse,)


@app.cell(hide_code=True)
def _(mo, warehouse):
    _names = warehouse.execute("select workspace_name, workspace_id from marts.dim_workspace order by all").fetchall()
    mo.stop(not _names, mo.callout(mo.md("No workspace was synced yet: run `instantly-pipeline sync`."), kind="warn"))
    workspace = mo.ui.dropdown(dict(_names), value=_names[0][0], label="Workspace")
    workspace
    return (workspace,)


@app.cell(hide_code=True)
def _(warehouse, workspace):
    # a variable for the statements below, never part of their text: an id may contain any character
    warehouse.execute("set variable workspace = ?", [workspace.value])
    chosen = warehouse
    return (chosen,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## How much do we send, and what comes back?

    One row per day. The last two days are still open (`is_partial`): opens and replies arrive late. `_7d` is the sum of
    the seven days up to each day, which evens out the days of the week; the line begins with 100 e-mails in them.
    """)
    return


@app.cell
def _(chosen, mo):
    days = mo.sql(
        """
        select date, sent, replies, sent_7d, round(replies_per_sent_7d, 4) as replies_per_sent_7d, is_partial
        from marts.rpt_workspace_daily
        where workspace_id = getvariable('workspace')
        order by date desc
        """,
        engine=chosen,
    )
    return (days,)


@app.cell(hide_code=True)
def _(alt, days):
    alt.Chart(days).mark_bar().encode(
        x=alt.X("yearmonthdate(date):T", title=None, axis=alt.Axis(format="%b %d")),
        y=alt.Y("sent:Q", title="e-mails per day"),
        color=alt.Color("is_partial:N", title="open day", scale=alt.Scale(range=["#4c78a8", "#f58518"])),
        tooltip=["date:T", "sent:Q", "replies:Q", "is_partial:N"],
    ).properties(width="container", height=180)
    return


@app.cell(hide_code=True)
def _(alt, days):
    alt.Chart(days.filter(~days["is_partial"] & (days["sent_7d"] >= 100))).mark_line().encode(
        x=alt.X("date:T", title=None, axis=alt.Axis(format="%b %d")),
        y=alt.Y("replies_per_sent_7d:Q", title="replies per e-mail, 7 days", axis=alt.Axis(format=".1%")),
        tooltip=["date:T", alt.Tooltip("replies_per_sent_7d:Q", format=".2%")],
    ).properties(width="container", height=180)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Which campaigns work?

    The bar is the 95 % interval of the reply rate. If two bars overlap much, the difference may be chance: wait
    for more e-mails before you choose.
    """)
    return


@app.cell
def _(chosen, mo):
    campaigns = mo.sql(
        """
        select campaign_name, health, sent, repliers, round(reply_rate, 4) as reply_rate,
            round(reply_rate_low, 4) as reply_rate_low, round(reply_rate_high, 4) as reply_rate_high,
            positive_leads, round(bounce_rate, 4) as bounce_rate, status_label, health_reason
        from marts.rpt_campaign_summary
        where workspace_id = getvariable('workspace') and sent > 0
        order by reply_rate desc nulls last
        """,
        engine=chosen,
    )
    return (campaigns,)


@app.cell(hide_code=True)
def _(alt, campaigns):
    _names = alt.Y("campaign_name:N", sort=alt.EncodingSortField("reply_rate", order="descending"), title=None)
    _axis = alt.Axis(format=".1%")
    _bars = (
        alt.Chart(campaigns)
        .mark_rule(strokeWidth=3, opacity=0.4)
        .encode(x=alt.X("reply_rate_low:Q", title="reply rate", axis=_axis), x2="reply_rate_high:Q", y=_names)
    )
    _dots = (
        alt.Chart(campaigns)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=alt.X("reply_rate:Q", axis=_axis),
            y=_names,
            tooltip=["campaign_name:N", alt.Tooltip("reply_rate:Q", format=".2%"), "sent:Q", "repliers:Q"],
        )
    )
    (_bars + _dots).properties(width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Is another follow-up worth sending?

    Leads that replied per 1,000 e-mails of each step, over all campaigns.
    """)
    return


@app.cell
def _(chosen, mo):
    steps = mo.sql(
        """
        select step_number as step, sum(sent)::bigint as sent, sum(unique_replies)::bigint as repliers,
            round(1000.0 * sum(unique_replies) / nullif(sum(sent), 0), 1) as repliers_per_1000
        from marts.rpt_step_dropoff
        where workspace_id = getvariable('workspace') and subsequence_id is null and step_number is not null
        group by step_number
        order by step_number
        """,
        engine=chosen,
    )
    return (steps,)


@app.cell(hide_code=True)
def _(alt, steps):
    alt.Chart(steps).mark_bar().encode(
        x=alt.X("step:O", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("repliers_per_1000:Q", title="leads that replied per 1,000 e-mails"),
        tooltip=["step:O", "sent:Q", "repliers:Q", alt.Tooltip("repliers_per_1000:Q", format=".1f")],
    ).properties(width="container", height=200)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Which mailboxes need a look?

    Mailboxes that something should be done with, and why. The thresholds are in `sql/seeds/thresholds.csv`, how long a
    mailbox is warmed up in `sql/seeds/rules.csv`.
    """)
    return


@app.cell
def _(chosen, mo):
    senders = mo.sql(
        """
        select email, act, act_reason, health, sent_30d, round(bounce_rate, 4) as bounce_rate,
            round(warmup_inbox_rate, 3) as warmup_inbox_rate, round(utilisation_rate, 3) as utilisation_rate
        from marts.rpt_sender_health
        where workspace_id = getvariable('workspace') and act <> 'leave'
        order by array_position(['reconnect', 'rest', 'warm up', 'use'], act), sent_30d desc
        """,
        engine=chosen,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Which campaigns run out of leads, and when?
    """)
    return


@app.cell
def _(chosen, mo):
    runway = mo.sql(
        """
        select campaign_name, uncontacted, round(new_leads_per_day, 1) as new_leads_per_day,
            round(days_left_low, 1) as days_left_low, round(days_left, 1) as days_left,
            round(days_left_high, 1) as days_left_high, runs_dry_on
        from marts.rpt_runway
        where workspace_id = getvariable('workspace') and status_label = 'active'
        order by days_left nulls last
        """,
        engine=chosen,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What did we know when?

    Instantly restates the figures of a day when opens and replies arrive late. These days have changed most since they
    were first read (no rows: none has changed yet). The schema `history` keeps every version of every record.
    """)
    return


@app.cell
def _(chosen, mo):
    restated = mo.sql(
        """
        select date, campaign_name, times_restated, sent_first_seen, sent,
            unique_opened_first_seen, unique_opened, unique_replies_first_seen, unique_replies
        from marts.fct_campaign_daily
        where workspace_id = getvariable('workspace') and times_restated > 0
        order by abs(unique_opened - unique_opened_first_seen) desc, date desc
        limit 20
        """,
        engine=chosen,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Can I trust it today?

    Streams that were not read recently, and Instantly's own counters that differ from the sum of our rows. No rows is
    good.
    """)
    return


@app.cell
def _(chosen, mo):
    not_fresh = mo.sql(
        """
        select stream, state, reason, last_success_at, round(lag_hours, 1) as lag_hours
        from marts.rpt_data_freshness
        where workspace_id = getvariable('workspace') and state <> 'fresh'
        order by lag_hours desc nulls first
        """,
        engine=chosen,
    )
    return


@app.cell
def _(chosen, mo):
    differences = mo.sql(
        """
        select campaign_name, metric, ours, theirs, difference, likely_cause
        from marts.rpt_reconciliation
        where workspace_id = getvariable('workspace') and not agrees
        order by abs(difference) desc
        limit 20
        """,
        engine=chosen,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Ask your own

    These are the marts. There are also the schemas `raw` (current state), `history` (every version) and `meta` (syncs).
    """)
    return


@app.cell
def _(mo, warehouse):
    marts = mo.sql(
        f"""
        select table_name as mart, estimated_size as rows, comment as what_it_is
        from duckdb_tables()
        where schema_name = 'marts'
        order by mart
        """,
        engine=warehouse,
    )
    return


if __name__ == "__main__":
    app.run()
