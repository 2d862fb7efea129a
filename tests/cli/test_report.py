"""`report`: what is in the page, and what must never be.

A test edits a copy of the published file to make the world it is about.
"""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import httpx
import pytest

from instantly_pipeline.cli import report_command
from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.report.page import MOST_WORKSPACES, Page, make_client_page, make_page, write_page
from instantly_pipeline.report.read import SQL, read_facts
from tests.cli.conftest import Shell
from tests.cli.parsed import Parsed, parsed
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]
SENT = "update marts.rpt_workspace_daily set "
HOSTILE = "<script>alert(1)</script>\"'&amp; ✂ \u202eevil"
SECTIONS = [
    "What needs attention",
    "Day by day",
    "What keeps campaigns from sending",
    "Campaigns",
    "From lead to deal",
    "Answers to hot replies",
    "Steps and variants",
    "Sending domains and mailboxes",
    "Runway and capacity",
    "What turned, and unusual days",
    "Can these figures be trusted?",
]

SOMETIMES = ["Replies to sort", "Mail providers", "Lead lists", "Blocked and unsubscribed contacts"]


def sections(page: Parsed) -> list[str]:
    """The titles of the sections, without those that are left out where there is nothing to show."""
    return [title for level, title in page.headings if level == 3 and title not in SOMETIMES]


def marts() -> list[str]:
    """The marts with rows for each workspace that the page is made of."""
    asked = {table for path in SQL.glob("*.sql") for table in re.findall(r"marts\.(rpt_\w+)", path.read_text())}
    assert len(asked) > 10
    asked -= {"rpt_client_weekly"}  # of clients, in whatever workspaces
    return [f"marts.{table}" for table in sorted(asked)]


def make(published: Path, folder: Path, *statements: str, now: datetime | None = None) -> Page:
    """The page after some statements on a copy of a published file."""
    copy = folder / "warehouse.duckdb"
    shutil.copyfile(published, copy)
    with duckdb.connect(str(copy)) as con:
        for statement in statements:
            con.execute(statement)
    return make_page(copy, now=now or datetime.now(UTC))


@pytest.fixture(scope="module")
def published(synced: Synced, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file as it is now; other tests sync again."""
    return Path(shutil.copy(synced[0].published, tmp_path_factory.mktemp("published")))


@pytest.fixture(scope="module")
def made(published: Path) -> Page:
    """The page of the world as it was synced."""
    return make_page(published, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def page(made: Page) -> Parsed:
    """The same, parsed."""
    return parsed(made.html)


@pytest.fixture(scope="module")
def odd(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    """The page of two workspaces with hostile names, 500 campaigns more, targets, streams held and not read."""
    given = {
        "rpt_data_freshness": "state = 'skipped', reason = $$no scope$$ where stream = 'accounts'",
        "rpt_workspace_daily": "sent = 10, sent_target = 20, replies = 2, replies_target = 2, is_partial = false",
        "rpt_campaign_summary": f"campaign_name = $${HOSTILE}$$, health = 'red', health_reason = $${HOSTILE}$$",
        "rpt_funnel": f"campaign_name = $${HOSTILE}$$",
        "rpt_step_dropoff": f"campaign_name = $${HOSTILE}$$",
        "rpt_runway": f"campaign_name = $${HOSTILE}$$, limited_by = $${HOSTILE}$$",
        "rpt_variant_performance": f"campaign_name = $${HOSTILE}$$, subject = $${HOSTILE}$$, verdict = 'winner'",
        "rpt_sender_health": f"email = $${HOSTILE}$$, health = 'red', act = 'rest', act_reason = $${HOSTILE}$$",
        "rpt_domain_health": f"domain = $${HOSTILE}$$, worst_email = $${HOSTILE}$$, health = 'red'",
        "rpt_rate_changes": f"entity_name = $${HOSTILE}$$, verdict = 'worse', verdict_reason = $${HOSTILE}$$",
        "rpt_anomalies": f"entity_name = $${HOSTILE}$$, is_anomaly = true",
    }
    page = make(
        published,
        tmp_path_factory.mktemp("odd"),
        "update marts.rpt_data_freshness set state = 'deletes held', held_deletes = 1234 where stream = 'leads'",
        *(f"update marts.{table} set {changes}" for table, changes in given.items()),
        *(f"insert into {table} select * replace ('w2' as workspace_id) from {table}" for table in marts()),
        "insert into marts.dim_workspace select * replace ('w2' as workspace_id, $$"
        f"{HOSTILE}$$ as workspace_name) from marts.dim_workspace",
        "insert into marts.rpt_campaign_summary select c.* replace ('c' || n as campaign_id, repeat('long', 1000) as "
        "campaign_name) from (from marts.rpt_campaign_summary where workspace_id <> 'w2' limit 1) as c, "
        "range(500) as r(n)",
    )
    return parsed(page.html)


def test_the_page_has_every_section_in_its_order(page: Parsed) -> None:
    assert sections(page) == SECTIONS


def test_headings_descend_by_one_from_a_single_first_one(page: Parsed) -> None:
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_loads_nothing_and_runs_nothing(page: Parsed) -> None:
    assert [tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe", "object", "form"}] == []
    named = [value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href"}]
    assert [value for value in named if not value.startswith("#")] == []
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert "default-src 'none'" in page.all("meta")[3]["content"]
    addresses = set(re.findall(r"https?://[^\"' )<]+", page.html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of SVG, never fetched
    assert re.findall(r"@import|url\(", page.html) == []


def test_the_page_says_what_it_is_to_those_who_do_not_see_it(page: Parsed) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert {tag for tag, _ in page.tags} >= {"header", "main", "footer", "nav"}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = [link["href"][1:] for link in page.all("a")]
    labels = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
    wanted += [one for label in labels for one in label.split()]
    assert set(wanted) <= set(ids)
    assert all("scope" in cell for cell in page.all("th"))
    drawn = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len(drawn) == 2
    assert all(chart["aria-label"] for chart in drawn)
    assert page.html.count("<summary>The figures as a table</summary>") == len(drawn)


def test_no_contact_is_in_the_page(synced: Synced, made: Page) -> None:
    answer = httpx.get(f"{synced[0].url}/_sandbox/state/leads", timeout=30, trust_env=False)
    leads = [json.loads(line) for line in answer.text.splitlines() if line]
    names = [lead[part] for lead in leads for part in ("email", "company_domain") if lead.get(part)]
    assert len(names) > 120
    assert [name for name in names if name.lower() in made.html.lower()] == []


def test_only_aggregates_are_asked_for() -> None:
    forbidden = re.compile(
        r"dim_lead\b|fct_lead_event|suppression_audit|contact_pressure|hot_reply|rpt_replies_waiting\b|"
        r"\b(raw|history|staging)\."
    )
    asked = {path.name: path.read_text() for path in SQL.glob("*.sql")}
    assert len(asked) > 15
    assert [name for name, sql in asked.items() if forbidden.search(sql)] == []


def test_a_name_is_text_whatever_is_in_it(odd: Parsed) -> None:
    shown = "<script>alert(1)</script>\"'&amp; ✂ evil"
    assert odd.all("script") == []
    assert odd.text.count(shown) > 40
    assert "\u202e" not in odd.html
    assert shown in odd.titles()


def test_a_name_written_from_right_to_left_leaves_the_words_around_it_in_their_order(
    published: Path, tmp_path: Path
) -> None:
    name = "\u05e9\u05dc\u05d5\u05dd (30"
    page = make(
        published, tmp_path,
        f"update marts.rpt_campaign_summary set campaign_name = '{name}', health = 'red', sent = 9",
        f"update marts.rpt_sender_health set email = '{name}@x.example', health = 'red'",
    )  # fmt: skip
    assert f"<span>\u2068{name}\u2069 and " in page.html
    assert f"<bdi>{name}<wbr>@x.example</bdi>" in page.html
    assert page.html.count(name) == page.html.count(f"<bdi>{name}") + page.html.count(f"\u2068{name}\u2069")


def test_a_very_long_name_is_cut(odd: Parsed) -> None:
    assert "long" * 22 in odd.text
    assert "long" * 24 not in odd.text


def test_a_long_list_is_cut_and_says_where_the_rest_is(odd: Parsed) -> None:
    assert "And 483 more: see marts.rpt_campaign_summary ." in odd.text
    assert len(odd.html) < 500_000


def test_several_workspaces_stand_side_by_side_and_each_has_its_section(odd: Parsed) -> None:
    assert "2 workspaces" in odd.titles()
    assert sections(odd) == SECTIONS * 2
    ids = [attributes["id"] for _, attributes in odd.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_held_deletions_and_streams_that_were_not_read_need_attention(odd: Parsed) -> None:
    assert "1 stream not read recently, so figures may be old: accounts." in odd.text
    assert "1,234 deletions held as suspicious" in odd.text
    assert "instantly-pipeline sync --accept-deletes" in odd.text
    assert "no scope" in odd.text


def test_a_target_stands_in_the_place_of_the_week_before(odd: Parsed) -> None:
    assert "E-mails sent ✕ red 70 50 % of the target of 140" in odd.text
    assert "Replies 14 100 % of the target of 14" in odd.text
    assert "No targets are set" not in odd.text


def test_of_very_many_workspaces_those_that_sent_most_have_a_section(published: Path, tmp_path: Path) -> None:
    more = "insert into marts.dim_workspace select w.* replace ('w' || n as workspace_id, 'Client ' || n as "
    page = parsed(
        make(published, tmp_path, f"{more} workspace_name) from marts.dim_workspace as w, range(20) as r(n)").html
    )
    sections = [title for level, title in page.headings if level == 2][1:]
    assert len(sections) == MOST_WORKSPACES
    assert "Acme Outbound" in sections
    assert f"The {MOST_WORKSPACES} that sent most have a section below" in page.text


def test_a_workspace_where_nothing_happened_yet_is_reported_in_words(published: Path, tmp_path: Path) -> None:
    page = parsed(make(published, tmp_path, *(f"delete from {table}" for table in marts())).html)
    assert sections(page) == SECTIONS
    for expected in ("There is no day with figures yet", "There is no campaign yet", "There are no leads yet",
                     "No step was sent yet", "There is no sending mailbox yet", "No day could be compared yet",
                     "No rate could be compared",
                     "No stream was read yet"):  # fmt: skip
        assert expected in page.text


def test_a_rate_that_turned_and_one_worse_than_the_others_need_attention(published: Path, tmp_path: Path) -> None:
    calm = "update marts.rpt_rate_changes set is_worse = false, verdict = 'usual', verdict_neighbours = null"
    page = parsed(
        make(
            published, tmp_path, calm,
            "update marts.rpt_rate_changes set is_worse = true, verdict = 'worse', verdict_reason = '10 of 141 now' "
            "where entity = 'workspace' and metric = 'bounces'",
            "update marts.rpt_rate_changes set is_worse = true, verdict_neighbours = 'worse', "
            "verdict_neighbours_reason = '8 of 941, 37 of 1979 there' where entity = 'domain' and metric = 'replies'",
        ).html
    )  # fmt: skip
    assert "✕ act Acme Outbound: bounces turned for the worse, 10 of 141 now." in page.text
    assert re.search(
        r"▲ watch \S+: replies worse than the others', 8 of 941, 37 of 1979 there; and \d+ more", page.text
    )
    assert "bounces ✕ worse than before 10 of 141 now" in page.text
    assert "replies ✕ worse than the others 8 of 941, 37 of 1979 there" in page.text
    none = parsed(make(published, tmp_path, calm).html)
    assert "No rate turned: " in none.text
    assert "turned for the worse" not in none.text


HOT = (
    "insert into marts.rpt_our_response_time by name select workspace_id, as_of, 'ann@send.example' as mailbox, "
    "5 as hot_replies, {waiting} as waiting, as_of - interval {hours} hour as waiting_since, 4 as judged_24h, "
    "3 as answered_24h, 0.75 as answered_24h_rate, 2.5 as hours_median from marts.dim_workspace"
)


def test_where_e_mails_are_not_read_the_page_says_how_to_read_them(published: Path, tmp_path: Path) -> None:
    page = parsed(make(published, tmp_path, "delete from marts.rpt_data_freshness where stream = 'emails'").html)
    assert "is not known: e-mails are not read. INSTANTLY_STREAMS=core,emails reads them" in page.text


def test_where_e_mails_were_read_and_nobody_is_interested_the_page_says_so(published: Path, tmp_path: Path) -> None:
    read = (
        "delete from marts.rpt_data_freshness where stream = 'emails'",
        "update marts.rpt_data_freshness set stream = 'emails', state = 'fresh' where stream = 'leads'",
    )
    assert "There is no reply that shows interest yet." in parsed(make(published, tmp_path, *read).html).text


@pytest.mark.parametrize(("hours", "said"), [(50, "✕ act 2 hot replies wait"), (5, "▲ watch 2 hot replies wait")])
def test_hot_replies_that_wait_need_attention(published: Path, tmp_path: Path, hours: int, said: str) -> None:
    page = parsed(make(published, tmp_path, HOT.format(waiting=2, hours=hours)).html)
    assert said in page.text
    assert "3 of 4 (75 %) were answered by hand within 24 hours" in page.text
    assert "ann @send.example" in page.text  # where it may wrap


def test_hot_replies_that_are_all_answered_need_none(published: Path, tmp_path: Path) -> None:
    none = HOT.format(waiting=0, hours=5).replace("as_of - interval 5 hour as waiting_since, ", "")
    page = parsed(make(published, tmp_path, none).html)
    assert "No hot reply waits for an answer." in page.text
    assert "hot replies wait" not in page.text


def test_figures_that_are_not_known_are_dashes(published: Path, tmp_path: Path) -> None:
    keys = {
        "workspace_id",
        "campaign_id",
        "date",
        "step",
        "variant",
        "email",
        "stream",
        "scope",
        "is_anomaly",
        "is_worse",
    }
    with duckdb.connect(str(published), read_only=True) as con:
        columns = [
            row
            for table in marts()
            for row in con.execute(f"select '{table}', name from pragma_table_info('{table}')").fetchall()
        ]
    unknown = [f'update {table} set "{name}" = null' for table, name in columns if name not in keys]
    page = parsed(
        make(published, tmp_path, *unknown, "update seeds.thresholds set warning = null, critical = null").html
    )
    assert sections(page) == SECTIONS
    assert "None" not in page.text.replace("None is red", "")
    assert "nan" not in page.text.split()


@pytest.mark.parametrize(
    ("google", "other", "said"),
    [
        ((4, 0, 0), (4, 0, 0), "SPF and DKIM failed in every test e-mail. Correct its DNS."),
        ((4, 1, 0), (4, 0, 0), "DKIM failed in every test e-mail. Correct its DNS."),
        ((4, 1, 1), (4, 0, 0), None),  # at one provider it passed
        ((0, 0, 0), (0, 0, 0), None),  # nothing was checked
    ],
)
def test_a_domain_whose_test_e_mails_all_fail_a_check_needs_its_dns_corrected(
    published: Path, tmp_path: Path, google: tuple[int, int, int], other: tuple[int, int, int], said: str | None
) -> None:
    """At each provider e-mails checked, and those that passed SPF and DKIM; DMARC was not checked."""
    rows = ", ".join(f"('{name}', {n}, {spf}, {dkim})" for name, (n, spf, dkim) in
                     (("google", google), ("other", other)))  # fmt: skip
    tests = (
        "insert into marts.rpt_inbox_placement by name select workspace_id, 'burnt.example' as domain, 'domain' as "
        "scope, date '2026-03-02' as week_start, p.*, 4 as placed, 2 as inbox, 0 as category, 2 as spam, p.spf_checked "
        "as dkim_checked, 0 as dmarc_checked, 0 as dmarc_passed from marts.dim_workspace, "
        f"(values {rows}) as p(recipient_provider, spf_checked, spf_passed, dkim_passed)"
    )
    page = make(published, tmp_path, "delete from marts.rpt_inbox_placement", tests)
    found = re.findall(r"burnt\.example: ([^.]*\. Correct its DNS\.)", parsed(page.html).text)
    assert found == ([said] if said else [])


# --- what does not send

BLOCKED = (
    "insert into marts.rpt_sending_blockers by name select workspace_id, 'c' || i as campaign_id, 'Campaign ' || i as "
    "campaign_name, 'x' as blocker, 'bounce protect' as detail, '{blocks}' as blocks, {passing} as is_passing, true as "
    "is_main, timestamp '2026-03-02 06:00:00' as since, true as is_since_or_earlier, 12.4 as costs_sends_per_day "
    "from marts.dim_workspace, range({n}) as r(i)"
)
NOTHING = "delete from marts.rpt_sending_blockers"


def test_a_campaign_that_should_send_and_does_not_needs_attention(published: Path, tmp_path: Path) -> None:
    stopped = BLOCKED.format(n=5, blocks="everything", passing=False)
    page = parsed(make(published, tmp_path, NOTHING, stopped).html)
    said = "does not send: bounce protect since 2 Mar or earlier; it costs 12 e-mails a day."
    assert page.text.count(said) == 3
    assert "✕ act 2 more campaigns do not send." in page.text
    assert page.text.count("✕ stopped: bounce protect") == 5


def test_one_that_sends_in_part_is_to_be_watched_and_what_passes_is_nothing(published: Path, tmp_path: Path) -> None:
    part = parsed(make(published, tmp_path, NOTHING, BLOCKED.format(n=2, blocks="part", passing=False)).html)
    assert (
        "sends only in part: bounce protect since 2 Mar or earlier; it costs 12 e-mails a day, and 1 more" in part.text
    )
    passing = BLOCKED.format(n=2, blocks="everything", passing=True)
    assert (
        "Nothing: every campaign that is meant to send does."
        in parsed(make(published, tmp_path, NOTHING, passing).html).text
    )


@pytest.mark.parametrize("fell", [True, False])
def test_a_fall_in_new_leads_is_linked_to_the_campaigns_that_stopped(
    published: Path, tmp_path: Path, fell: bool
) -> None:
    days = "(select workspace_id, as_of::date - i::integer as date, i from marts.dim_workspace, range(20) as r(i))"
    page = make(
        published,
        tmp_path,
        NOTHING,
        "delete from marts.fct_campaign_daily",
        "delete from marts.rpt_workspace_daily",
        # the last closed day is the one two days ago; the campaign sent until five days before it
        "insert into marts.fct_campaign_daily by name select workspace_id, date, 'c' as campaign_id, false as "
        f"is_partial, if(i >= 7, 20, 0) as sent, if(i >= 7, 5, 0) as new_leads_contacted from {days} where i >= 2",
        "insert into marts.rpt_workspace_daily by name select workspace_id, date, i < 2 as is_partial, 9 as sent, "
        f"if(i < 9, {30 if fell else 40}, 40) as new_leads_contacted from {days}",
        "insert into marts.rpt_campaign_summary by name select workspace_id, 'c' as campaign_id, 'Stopped' as "
        "campaign_name, 2 as status, 'paused' as status_label, true as is_listed from marts.dim_workspace",
    )
    said = re.search(r"New leads fell by [^.]*\.[^.]*\.", parsed(page.html).text)
    assert bool(said) == fell
    if said:
        fall = "New leads fell by 25 % against the week before. Campaigns that stopped: Stopped (until "
        assert said[0].replace("\u202f", " ").startswith(fall)
        assert said[0].endswith(": paused; 20 e-mails a day before).")


@pytest.mark.parametrize(("status", "shown"), [(1, True), (2, False), (3, False)])
def test_verdicts_on_campaigns_at_rest_need_no_attention(
    published: Path, tmp_path: Path, status: int, shown: bool
) -> None:
    page = make(
        published,
        tmp_path,
        f"update marts.dim_campaign set status = {status}, is_deleted = false",
        "update marts.rpt_variant_performance set verdict = 'winner', variants = 2",
        "update marts.rpt_step_dropoff set verdict = 'not worth it'",
    )
    text = parsed(page.html).text
    assert bool(re.search(r"\d variants? won\.", text)) == shown
    assert ("with too few replies to be worth it." in text) == shown


# --- clients

ACME, OTHER = "Acme & <Söhne>", "Zweite GmbH"
CLIENTS = (
    "update marts.dim_campaign set client = case when campaign_id <= (select min(campaign_id) from marts.dim_campaign) "
    f"then '{ACME}' else '{OTHER}' end",
    "update marts.rpt_campaign_summary as s set campaign_name = 'Campaign of ' || c.client "
    "from marts.dim_campaign as c where c.campaign_id = s.campaign_id",
    "insert into marts.dim_client select client, 1, count(*), 1 from marts.dim_campaign group by client",
    "insert into marts.rpt_client_weekly by name select client, "
    "date_trunc('week', as_of)::date - 7 * n::integer as week, n = 0 as is_partial, false as is_before_first_read, "
    "1000 + n as sent, 1001 + n as sent_week_before, 500.0 as sent_week_target, "
    "as_of::date as as_of_date, as_of::date + 3 as first_runs_dry_on, as_of::date + 5 as last_runs_dry_on, 3 as "
    "days_to_first_dry from marts.dim_client, (select max(as_of) as as_of from marts.dim_workspace), "
    "range(3) as r(n)",
)


def client_page(published: Path, folder: Path, name: str, *statements: str) -> Page:
    make(published, folder, *CLIENTS, *statements)
    return make_client_page(folder / "warehouse.duckdb", name, now=datetime.now(UTC))


def test_the_page_has_a_table_of_clients_and_a_section_of_each(published: Path, tmp_path: Path) -> None:
    page = parsed(make(published, tmp_path, *CLIENTS).html)
    titles = [title for level, title in page.headings if level == 2]
    assert titles[0] == "2 clients"
    assert titles[-2:] == [ACME, OTHER]
    assert {"#c1", "#c2"} <= {link["href"] for link in page.all("a")}


def test_the_page_of_a_client_says_nothing_of_the_others(published: Path, tmp_path: Path) -> None:
    made = client_page(published, tmp_path, ACME.upper())
    page = parsed(made.html)
    assert [title for level, title in page.headings if level == 1] == [ACME]
    assert f"Campaign of {ACME}" in page.text
    assert "E-mails sent 1,001 200" in page.text.replace("\u202f", " ")  # of the last whole week, against its target
    assert "in 3 days" in page.text
    with duckdb.connect(str(published), read_only=True) as con:
        names = con.execute(
            "select workspace_name from marts.dim_workspace union select email from marts.dim_account union "
            "select campaign_name from marts.rpt_campaign_summary"
        ).fetchall()
    assert [name for (name,) in (*names, (OTHER,)) if name in page.text] == []


def test_the_page_of_a_client_that_is_not_there_names_those_that_are(published: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"no client 'Acm'. Clients are {ACME} and {OTHER}\. .*clients\.csv"):
        client_page(published, tmp_path, "Acm")


def test_the_command_without_any_client_says_how_to_name_one(synced: Synced) -> None:
    pipe, shell = synced
    done = shell.run("report", "--client", "Acme")
    assert done.returncode == 2
    assert "There is no client 'Acme'. No client has a campaign yet." in done.stderr
    assert not pipe.published.with_name("report-acme.html").exists()


SUPPRESSED = (
    "insert into marts.rpt_suppression_summary by name select workspace_id, 'contacted' as finding, "
    "'unsubscribed' as suppressed_by, {certain} as is_certain, 3 as contacts, 7 as contacts_after, as_of as last_at "
    "from marts.dim_workspace"
)
WAITING = (
    "insert into marts.rpt_replies_waiting_by_mailbox by name select workspace_id, 'ann@send.example' as mailbox, "
    "4 as waiting_leads, 2 as waiting_over_24h, as_of - interval 30 hour as waiting_since, {known} as is_answer_known "
    "from marts.dim_workspace"
)
PAIR = (
    "insert into marts.rpt_provider_pair by name select workspace_id, 'google' as recipient_provider, 'microsoft' as "
    "sender_provider, 'burnt.example' as sending_domain, {finding} as finding, {leads} as contacted_leads, "
    "0.001 as lead_reply_rate, 0.1 as lead_bounce_rate from marts.dim_workspace"
)
LIST = "update marts.rpt_list_quality set grade = {grade}, grade_reason = 'invalid addresses', is_listed = true"
EMPTY = tuple(f"delete from marts.{mart}" for mart in ("rpt_suppression_summary", "rpt_replies_waiting_by_mailbox",
                                                       "rpt_provider_pair"))  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "section", "said"),
    [
        (SUPPRESSED.format(certain="true"), SOMETIMES[3], "✕ act 3 contacts were written to after being blocked"),
        (SUPPRESSED.format(certain="false"), SOMETIMES[3], "written to ▲ not certain unsubscribed 3"),
        (WAITING.format(known="true"), SOMETIMES[0], "▲ watch 4 replies wait without an interest or an answer."),
        (WAITING.format(known="false"), SOMETIMES[0], "E-mails are not read, so answers do not show"),
        (PAIR.format(finding="'fewer replies'", leads=30), SOMETIMES[1], "microsoft to google fewer replies 0.1"),
        (LIST.format(grade="'D'"), SOMETIMES[2], "D invalid addresses"),
        (PAIR.format(finding="null", leads=99), None, ""), (LIST.format(grade="null"), None, ""),
        (PAIR.format(finding="'fewer replies'", leads=29), None, ""),
    ],
)  # fmt: skip
def test_a_section_about_leads_is_there_where_it_has_something_to_show(
    published: Path, tmp_path: Path, statement: str, section: str | None, said: str
) -> None:
    page = parsed(make(published, tmp_path, *EMPTY, LIST.format(grade="null"), statement).html)
    found = [title for _, title in page.headings if title in SOMETIMES]
    assert found == ([section] if section else [])
    assert said in page.text
    links = [link["href"] for link in page.all("a")]
    named = {"Replies to sort": "waiting", "Mail providers": "providers", "Lead lists": "lists"}
    ids = {"waiting", "providers", "lists", "suppression"}
    there = {one for one in ids if any(link.endswith(f"-{one}") for link in links)}
    assert there == ({named.get(section, "suppression")} if section else set())


def test_the_funnel_says_how_many_people_the_leads_are(published: Path, tmp_path: Path) -> None:
    people = "update marts.rpt_stored_contacts set contacted_leads = 4003, contacts_reached = 3726"
    page = parsed(make(published, tmp_path, people).html)
    assert "the 4,003 that are known to have been contacted are 3,726 addresses." in page.text


def test_a_rate_on_a_chart_needs_100_e_mails_in_its_seven_days(published: Path, tmp_path: Path) -> None:
    day = "(select max(date) - {} from marts.rpt_workspace_daily)"
    few = f"{SENT} sent_by_accounts = 3, bounced = 1"
    with_few = parsed(make(published, tmp_path, few, f"{SENT} is_partial = false").html)
    assert "of which there were none" in with_few.text
    assert "Bounces per 100 e-mails, last 7 days" not in with_few.html
    # a tiny first day, then 50 a day: the line begins with the third of them
    many = f"{SENT} sent_by_accounts = 50, bounced = 2 where date > {day.format(4)}"
    file = tmp_path / "warehouse.duckdb"
    page = make(published, tmp_path, few, f"delete from marts.rpt_workspace_daily where date < {day.format(4)}", many)
    assert "of which there were none" not in parsed(page.html).text
    [days] = read_facts(file).answers["days"].values()
    assert [row["bounces_per_100"] for row in days] == [None, None, pytest.approx(500 / 103),
                                                        pytest.approx(700 / 153), pytest.approx(900 / 203)]  # fmt: skip


def test_a_published_file_without_a_workspace_says_what_to_type(published: Path, tmp_path: Path) -> None:
    page = make(published, tmp_path, "delete from marts.dim_workspace")
    assert page.as_of is None
    assert "No workspace was read yet. instantly-pipeline sync reads one" in parsed(page.html).text


def test_days_that_are_open_do_not_count_in_the_tiles(published: Path, tmp_path: Path) -> None:
    page = make(
        published,
        tmp_path,
        f"{SENT} sent = 1, is_partial = false",
        f"{SENT} sent = 1000, is_partial = true where date >= (select max(as_of)::date - 1 from marts.dim_workspace)",
    )
    assert "E-mails sent 7 " in parsed(page.html).text


def test_a_single_day_of_figures_is_enough(published: Path, tmp_path: Path) -> None:
    last = "(select max(date) from marts.rpt_workspace_daily)"
    page = parsed(
        make(
            published,
            tmp_path,
            f"delete from marts.rpt_workspace_daily where date < {last}",
            f"{SENT} is_partial = true",  # whatever weekday it is
        ).html
    )
    assert "Hollow bars are days still open" in page.text
    assert len([1 for _, attributes in page.tags if attributes.get("role") == "img"]) == 2


def test_old_figures_are_called_old_at_the_top(published: Path, made: Page, tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=9)
    late = make(published, tmp_path, *(f"delete from {table}" for table in marts()), now=later)
    assert late.is_old
    assert "These figures are old. They were read 9 days before this page was made." in parsed(late.html).text
    assert not made.is_old
    assert "These figures are old" not in made.html


def test_the_page_takes_the_place_of_the_one_before(made: Page, tmp_path: Path) -> None:
    to = tmp_path / "weekly" / "report.html"
    assert write_page(made, to) == len(made.html.encode())
    assert write_page(made, to) == to.stat().st_size
    assert [path.name for path in to.parent.iterdir()] == ["report.html"]


def test_a_file_that_is_no_page_is_not_overwritten(made: Page, tmp_path: Path) -> None:
    to = tmp_path / "warehouse.duckdb"
    to.write_text("mine")
    with pytest.raises(UsageError, match=r"ends in \.html"):
        write_page(made, to)
    assert to.read_text() == "mine"


def test_a_place_that_takes_no_file_is_reported_in_words(made: Page, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be written"):
        write_page(made, tmp_path / "a file" / "report.html")


def test_a_file_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    other = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(other)).close()
    with pytest.raises(StorageError, match="instantly-pipeline rebuild"):
        read_facts(other)


def test_the_command_says_where_the_page_is_and_how_old_its_figures_are(synced: Synced) -> None:
    pipe, shell = synced
    done = shell.run("report")
    assert done.returncode == 0, done.stderr
    place = pipe.published.with_name("report.html")
    assert done.stdout.startswith(f"{place} (")
    assert "kB), figures read " in done.stdout
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_a_published_file_the_command_says_what_to_type(shell: Shell) -> None:
    done = shell.run("report")
    assert done.returncode == 2
    assert "run `instantly-pipeline sync` first" in done.stderr


def test_no_two_clients_share_a_file_nor_one_with_the_whole_report() -> None:
    names = ["Acme Corp", "Acme/Corp", "Acme-Corp", "***", "..", "漢" * 80, "漢" * 81]
    files = [report_command._name(name) for name in (None, *names)]
    assert files[:2] == ["report.html", "report-acme-corp.html"]
    assert len(set(files)) == len(files)
    assert max(len(file.encode()) for file in files) < 200
