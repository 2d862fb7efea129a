"""The seeds a user edits: what is wrong with a file is said by its line, with what to write, and makes no table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.db.tables import TableColumn
from instantly_pipeline.warehouse.models.catalog import read_seeds
from instantly_pipeline.warehouse.models.contracts import Contract
from instantly_pipeline.warehouse.models.seeds import put_seed
from tests.warehouse.lake_writer import SQL
from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

SEEDS = read_seeds(SQL)
Edit = Callable[[str], str | bytes]


def put(folder: Path, name: str, edit: Edit) -> int:
    """Rows of the shipped seed after an edit."""
    edited = edit((SQL / "seeds" / f"{name}.csv").read_text(encoding="utf-8"))
    path = folder / f"{name}.csv"
    path.write_bytes(edited if isinstance(edited, bytes) else edited.encode())
    with duckdb.connect() as con:
        con.execute("create schema seeds")
        put_seed(con, path, SEEDS[name])
        return int(con.execute(f"select count(*) from seeds.{name}").fetchall()[0][0])


def changed(old: str, new: str) -> Edit:
    """The file with one text changed once."""

    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("seed", "edit", "said"),
    [
        ("thresholds", changed("critical", "red"), r"line 1: the first line must be exactly: entity,metric,title,"),
        (
            "thresholds",
            changed("critical", "critical,min_n"),
            "line 1: min_n is no column of this file. Remove it from",
        ),
        ("thresholds", lambda text: text.replace(",", ";"), "line 1: the first line must be exactly"),
        ("thresholds", lambda text: "", "line 1: the first line must be exactly"),
        ("thresholds", lambda text: text.encode("utf-16"), "line 1: it is not saved as UTF-8"),
        ("thresholds", changed("0.02,0.01", "0.02"), "line 2: it has 5 fields and 6 are expected"),
        ("thresholds", changed("0.02,0.01", "2 %,0.01"), "line 2: warning is '2 %'; a number"),
        ("thresholds", changed("0.02,0.01", "inf,0.01"), "line 2: warning is 'inf'; a number"),
        ("thresholds", changed("campaign,bounce_rate", ",bounce_rate"), "line 3: entity is empty; it is needed"),
        ("thresholds", changed("campaign,bounce", "campaign,reply"), "line 3: entity campaign, metric reply_rate stan"),
        (
            "rules",
            changed("rpt_runway,at_limit", "rpt_runway,limit"),
            "what the models read is missing. Add: rpt_runway,at_limit,0.9,",
        ),
        (
            "rules",
            changed("min_chance_best", "max_expected_loss"),
            "line 2: .* lines rpt_variant_performance,min_chance",
        ),
        ("rules", changed("0.9,", '"0.9,'), "unexpected end of data"),
    ],
)
def test_a_slip_is_reported_by_its_line(tmp_path: Path, seed: str, edit: Edit, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        put(tmp_path, seed, edit)
    assert f"{seed}.csv, line" in str(refused.value)
    assert "Correct the file and run the same command" in str(refused.value)


@pytest.mark.parametrize("number", ["1e2", "1.5", str(10**19)])
def test_a_whole_number_is_asked_for_where_one_is_needed(tmp_path: Path, number: str) -> None:
    seed = Contract("days", tmp_path, columns=(TableColumn("days", "BIGINT", "Days"),))
    (tmp_path / "days.csv").write_text(f"days\n7\n{number}\n")
    with duckdb.connect() as con, pytest.raises(ModelError, match=r"line 3: days is .*; a whole number is expected"):
        put_seed(con, tmp_path / "days.csv", seed)


def test_all_missing_lines_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        put(
            tmp_path,
            "rules",
            lambda text: "".join(line for line in text.splitlines(True) if "rate_changes" not in line),
        )
    added = "Add: rpt_rate_changes,quantile,2.7, and rpt_rate_changes,quantile_of_domains,1.96,. Correct the file"
    assert added in str(refused.value)


# one break of every promise of a seed, in the order of its contract
BREAKS: dict[str, list[tuple[str, str]]] = {
    "thresholds": [
        ("campaign,reply_rate", "campaigns,reply_rate"),
        (",low,", ",lower,"),
        ("campaign,unsubscribe_rate", "campaign,unsubscribes"),
        ("sender,bounce_rate", "sender,reply_rate"),
        ("list,invalid_rate", "list,bounce_rate"),
        ("contact,active_campaigns", "contact,campaigns"),
        ("low,0.02,0.01", "low,0.01,0.02"),
    ],
    "targets": [("# *,sent", "*,clicks")],
    "costs": [("# *,lead", "*,leads"), ("# *,lead,0.05", "*,lead,-1")],
    "clients": [("# Acme,*,tag", ",*,tag"), ("# Acme,*,tag", "Acme,*,label"), ("# Acme,*,campaign", "*,*,campaign")],
    "client_targets": [("# Acme,sent", "Acme,calls")],
    "source_variables": [("# *,city", "*,email")],
    "reply_time_buckets": [("hours,4", "hours,1"), ("hour,0", "hour,"), ("hour,0", "hour,-1")],
    "rules": [("at_limit,0.9", "at_limit,"), ("min_chance_best", "max_expected_loss")],
}


@pytest.mark.parametrize("seed", SEEDS)
def test_each_promise_of_a_seed_is_seen_to_be_broken(tmp_path: Path, seed: str) -> None:
    assert (put(tmp_path, seed, str) > 0) == (
        seed not in ("targets", "costs", "clients", "client_targets", "source_variables")
    )
    broken = [_broken(seed, old, new, tmp_path) for old, new in BREAKS[seed]]
    assert len(set(broken)) == len(SEEDS[seed].checks)


def _broken(seed: str, old: str, new: str, folder: Path) -> str:
    with pytest.raises(ModelError) as refused:
        put(folder, seed, changed(old, new))
    return str(refused.value).partition(": ")[2]


def test_a_file_as_other_programs_save_it_is_read(tmp_path: Path) -> None:
    rows = put(tmp_path, "thresholds", str)
    assert put(tmp_path, "thresholds", lambda text: text.replace("\n", "\r\n").encode("utf-8-sig") + b"\r\n") == rows
    assert put(tmp_path, "thresholds", lambda text: text.splitlines()[0]) == 0


@pytest.mark.parametrize(("seed", "lines"), [("targets", 3), ("costs", 2), ("clients", 4), ("client_targets", 2)])
def test_what_only_a_user_knows_ships_as_comments_that_only_need_their_sign_removed(
    tmp_path: Path, seed: str, lines: int
) -> None:
    assert put(tmp_path, seed, str) == 0
    assert put(tmp_path, seed, lambda text: re.sub(r"^# (?=[*\w]+,)", "", text, flags=re.M)) == lines
    assert put(tmp_path, seed, lambda text: text + '"# a note, quoted by a spreadsheet",,\n') == 0
    with pytest.raises(ModelError, match="line 3: "):  # comments count as lines
        put(tmp_path, seed, lambda text: re.sub(r"^# (?=[*\w]+,)", "x,", text, count=1, flags=re.M))


# --- targets and costs of a workspace


def line(workspace: str, per: str, cost: float | None) -> Row:
    return {"workspace_id": workspace, "per": per, "cost": cost}


@pytest.mark.parametrize(
    ("lines", "cost"),
    [
        ([line("*", "lead", 0.5), line("*", "email", 0.1)], 10 * 0.5 + 30 * 0.1),
        ([line("*", "lead", 0.5), line("w", "lead", 2)], 10 * 2),
        ([line("*", "email", 0.1), line("other", "lead", 2)], 30 * 0.1),
        ([line("*", "lead", 0.5), line("w", "lead", None)], None),
        ([], None),
    ],
)
def test_a_campaign_costs_its_leads_and_e_mails_by_the_workspaces_own_line_or_that_of_all(
    lines: list[Row], cost: float | None
) -> None:
    given = {
        "intermediate.int_campaign": [{"workspace_id": "w", "campaign_id": "c"}],
        "intermediate.int_workspace_clock": [{"workspace_id": "w"}, {"workspace_id": "other"}],
        "raw.campaign_analytics": [
            {"workspace_id": "w", "campaign_id": "c", "new_leads_contacted_count": 10, "emails_sent_count": 30}
        ],
        "seeds.costs": lines,
    }
    [found] = expect("int_campaign_metrics", given, "cost")
    assert found["cost"] == (None if cost is None else pytest.approx(cost))


def test_without_thresholds_nothing_is_judged() -> None:
    given = {"intermediate.int_campaign": [{"workspace_id": "w", "campaign_id": "c"}], "seeds.thresholds": []}
    [found] = expect("rpt_campaign_summary", given, "health, health_reason")
    assert found == {"health": "grey", "health_reason": "too little sent to judge"}
