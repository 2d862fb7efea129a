"""`instantly-cli`, which others wrote for the live API, reads the sandbox with every command it has for that."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instantly_sandbox.server import running
from tests.foreign.instantly_cli import Cli, Tools, installed, tools
from tests.sandbox.conftest import Api, small
from tests.sandbox.receiver import listening

pytestmark = pytest.mark.foreign

# Tool -> its arguments; the values are names in `ids`.
READS: dict[str, dict[str, str]] = {
    "account_mappings_get": {"email": "account"},
    "accounts_ctd-status": {"host": "host"},
    "accounts_get": {"id": "account"},
    "accounts_list": {},
    "analytics_campaign": {},
    "analytics_campaign_overview": {},
    "analytics_campaign_steps": {},
    "analytics_daily_account": {},
    "analytics_daily_campaign": {},
    "analytics_warmup": {"emails": "account"},
    "api_keys_list": {},
    "audit_logs_list": {},
    "background_jobs_get": {"id": "background-jobs"},
    "background_jobs_list": {},
    "blocklist_get": {"id": "block-lists-entries"},
    "blocklist_list": {},
    "campaigns_count-launched": {},
    "campaigns_funnel": {},
    "campaigns_get": {"id": "campaigns"},
    "campaigns_list": {},
    "campaigns_search-by-contact": {"search": "contact"},
    "campaigns_sending-status": {"id": "campaigns"},
    "crm_actions_list-phone-numbers": {},
    "custom_prompt_templates_get": {"id": "custom-prompt-templates"},
    "custom_prompt_templates_list": {},
    "custom_tag_mappings_list": {},
    "custom_tags_get": {"id": "custom-tags"},
    "custom_tags_list": {},
    "dfy_orders_list": {},
    "dfy_orders_list_accounts": {},
    "email_get": {"id": "emails"},
    "email_list": {},
    "email_templates_get": {"id": "email-templates"},
    "email_templates_list": {},
    "email_unread_count": {},
    "email_verification_status": {"email": "contact"},
    "enrichment_ai-progress": {"resource_id": "lead-lists"},
    "enrichment_get": {"resource_id": "lead-lists"},
    "enrichment_history": {"resource_id": "lead-lists"},
    "inbox_placement_analytics_get": {"id": "inbox-placement-analytics"},
    "inbox_placement_analytics_insights": {"test_id": "inbox-placement-tests"},
    "inbox_placement_analytics_list": {"test_id": "inbox-placement-tests"},
    "inbox_placement_analytics_stats_by_date": {"test_id": "inbox-placement-tests"},
    "inbox_placement_analytics_stats_by_test": {"test_ids": "inbox-placement-tests"},
    "inbox_placement_esp-options": {},
    "inbox_placement_get": {"id": "inbox-placement-tests"},
    "inbox_placement_list": {},
    "inbox_placement_reports_get": {"id": "inbox-placement-reports"},
    "inbox_placement_reports_list": {"test_id": "inbox-placement-tests"},
    "lead_labels_get": {"id": "lead-labels"},
    "lead_labels_list": {},
    "lead_lists_get": {"id": "lead-lists"},
    "lead_lists_list": {},
    "lead_lists_verification_stats": {"id": "lead-lists"},
    "leads_count": {},
    "leads_get": {"id": "lead"},
    "leads_list": {},
    "sales_flow_get": {"id": "sales-flow"},
    "sales_flow_list": {},
    "subsequences_list": {"parent_campaign": "parent"},
    "subsequences_sending_status": {"id": "subsequences"},
    "webhook_events_get": {"id": "webhook-events"},
    "webhook_events_list": {},
    "webhook_events_summary": {},
    "webhook_events_summary-by-date": {},
    "webhooks_event_types": {},
    "webhooks_get": {"id": "webhooks"},
    "webhooks_list": {},
    "workspace_billing_plan-details": {},
    "workspace_billing_subscription-details": {},
    "workspace_credits": {},
    "workspace_get": {},
    "workspace_group_members_get": {"id": "workspace-group-members"},
    "workspace_group_members_get-admin": {},
    "workspace_group_members_list": {},
    "workspace_members_get": {"id": "workspace-members"},
    "workspace_members_list": {},
    "workspace_whitelabel-get": {},
}
# Parameters that the client adds by itself.
ADDED: dict[str, dict[str, Any]] = {"accounts_list": {"include_tags": "true"}, "audit_logs_list": {"limit": 50}}
# Reads that the client gets wrong by the vendor's own document, where the sandbox follows the document.
MISTAKEN = {
    "accounts_test_vitals": "accounts is required",  # it sends `email`, the document has `accounts`
    "blocklist_download": "is not valid JSON",  # the document answers with text/csv
}
WEBHOOKS = {"webhooks_create", "webhooks_update", "webhooks_test", "webhooks_resume", "webhooks_delete"}
# What changes something else than webhooks, spends credits or asks a shop.
OTHERS = set(
    """
    accounts_create accounts_delete accounts_mark-fixed accounts_move accounts_pause accounts_resume accounts_tag
    accounts_untag accounts_update accounts_warmup_disable accounts_warmup_enable
    api_keys_create api_keys_delete
    blocklist_bulk_create blocklist_bulk_delete blocklist_create blocklist_delete blocklist_update
    campaigns_activate campaigns_add_variables campaigns_bulk-activate campaigns_bulk-pause campaigns_create
    campaigns_create_from_export campaigns_delete campaigns_duplicate campaigns_export campaigns_pause campaigns_share
    campaigns_update
    crm_actions_delete-phone-number
    custom_prompt_templates_create custom_prompt_templates_delete custom_prompt_templates_update
    custom_tags_create custom_tags_delete custom_tags_toggle custom_tags_update
    dfy_orders_cancel dfy_orders_check_domains dfy_orders_create dfy_orders_pre_warmed dfy_orders_similar_domains
    email_delete email_forward email_mark_read email_reply email_send_test email_update
    email_templates_create email_templates_delete email_templates_update
    email_verification_verify
    enrichment_ai enrichment_count enrichment_create enrichment_enrich enrichment_preview enrichment_run
    enrichment_update-settings
    inbox_placement_create inbox_placement_delete inbox_placement_update
    lead_labels_create lead_labels_delete lead_labels_test_ai lead_labels_update
    lead_lists_create lead_lists_delete lead_lists_update
    leads_bulk_add leads_bulk_assign leads_bulk_delete leads_create leads_delete leads_merge leads_move
    leads_remove_from_subsequence leads_subsequence_move leads_update leads_update_interest_status
    sales_flow_create sales_flow_delete sales_flow_update
    subsequences_create subsequences_delete subsequences_duplicate subsequences_pause subsequences_resume
    subsequences_update
    workspace_change-owner workspace_update workspace_whitelabel-create workspace_whitelabel-delete
    workspace_group_members_create workspace_group_members_delete
    workspace_members_create workspace_members_delete workspace_members_update
    """.split()  # noqa: SIM905 - to be read and changed by hand
)
LISTS = {
    "accounts_list": "accounts",
    "api_keys_list": "api-keys",
    "audit_logs_list": "audit-logs",
    "blocklist_list": "block-lists-entries",
    "campaigns_list": "campaigns",
    "custom_tag_mappings_list": "custom-tag-mappings",
    "custom_tags_list": "custom-tags",
    "dfy_orders_list_accounts": "dfy-email-account-orders/accounts",
    "email_list": "emails",
    "lead_labels_list": "lead-labels",
    "webhook_events_list": "webhook-events",
}


@pytest.fixture(scope="module")
def world() -> Iterator[Api]:
    with running(small(leads=300, workspaces=2)) as sandbox:
        api = Api(sandbox.url, sandbox.key)
        yield api
        api.http.close()


@pytest.fixture(scope="module")
def cli(world: Api, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(installed(), world.url, world.key, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def client(cli: Cli) -> Iterator[Tools]:
    with tools(cli) as served:
        yield served


@pytest.fixture(scope="module")
def ids(world: Api) -> dict[str, str]:
    """The id of a record per list, by the list's path, and what else the commands ask for."""
    placement = world.items("inbox-placement-tests")[0]["id"]
    keys = {value for arguments in READS.values() for value in arguments.values() if "-" in value} | {"webhooks"}
    keys |= {"campaigns", "emails", "subsequences"}
    of_test = {"inbox-placement-analytics", "inbox-placement-reports"}
    found = {
        path: world.items(path, **({"test_id": placement} if path in of_test else {}))[0]["id"]
        for path in keys - {"inbox-placement-tests"}
    }
    lead = next(lead for lead in world.leads() if "email" in lead and "campaign" in lead)
    used = next(c["email_list"] for c in world.items("campaigns") if c.get("email_list"))
    return {
        **found,
        "inbox-placement-tests": placement,
        "account": used[0],
        "contact": lead["email"],
        "host": "track.example",
        "lead": lead["id"],
        "parent": world.items("subsequences")[0]["parent_campaign"],
    }


def test_every_command_of_the_client_is_known_here(client: Tools) -> None:
    """A new version's new commands belong into READS, or into OTHERS if they change something."""
    assert client.names() == READS.keys() | MISTAKEN.keys() | WEBHOOKS | OTHERS


@pytest.mark.parametrize("tool", sorted(READS))
def test_a_command_reads_what_the_sandbox_has(client: Tools, world: Api, ids: dict[str, str], tool: str) -> None:
    arguments = {name: ids[value] for name, value in READS[tool].items()}
    world.control("DELETE", "requests")
    worked, answer = client.call(tool, **arguments)
    asked = [(entry["method"], entry["path"], entry["status"]) for entry in world.control("GET", "requests/log")]
    assert worked, f"{asked}: {answer}"
    assert asked
    assert {status for _, _, status in asked} == {200}
    if isinstance(answer, dict):
        answer.pop("_cli_note", None)  # words of the client's own
    in_path = all(value in asked[0][1] for value in arguments.values())
    if len(asked) == 1 and asked[0][0] == "GET" and in_path:
        assert answer == world.http.get(asked[0][1], params=ADDED.get(tool)).json()
    if tool.endswith("_list"):
        assert answer["items"]


@pytest.mark.parametrize("tool", sorted(LISTS))
def test_a_list_is_read_on_with_its_cursor(client: Tools, world: Api, tool: str) -> None:
    first = client.call(tool, limit=2)[1]
    following = client.call(tool, limit=2, starting_after=first["next_starting_after"])[1]
    expected = world.get(LISTS[tool], **{**ADDED.get(tool, {}), "limit": 4})
    assert first["items"] + following["items"] == expected["items"]


@pytest.mark.parametrize("tool", sorted(MISTAKEN))
def test_what_the_client_gets_wrong_is_still_so(client: Tools, ids: dict[str, str], tool: str) -> None:
    """Once it is mended, the command belongs into READS."""
    worked, answer = client.call(tool, **({"email": ids["account"]} if tool == "accounts_test_vitals" else {}))
    assert not worked
    assert MISTAKEN[tool] in answer["error"]


def test_leads_are_counted_over_all_pages(client: Tools, world: Api) -> None:
    assert client.call("leads_count")[1]["count"] == len(world.leads())


def test_a_webhook_is_made_tried_changed_and_removed(client: Tools, world: Api) -> None:
    with listening() as target:
        made = client.call("webhooks_create", target_hook_url=target.url, event_type="all_events", name="mine")[1]
        assert made in world.items("webhooks")
        assert client.call("webhooks_test", id=made["id"])[1]["success"] is True
    assert len(target.posts) == 1
    assert client.call("webhooks_update", id=made["id"], name="yours")[1]["name"] == "yours"
    assert client.call("webhooks_resume", id=made["id"])[1]["status"] == 1
    assert client.call("webhooks_delete", id=made["id"])[0]
    assert client.call("webhooks_get", id=made["id"]) == (False, {"error": "Resource not found", "code": "NOT_FOUND"})


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("campaigns list --limit 3", "campaigns?limit=3"),
        ("inbox-placement esp-options", "inbox-placement-tests/email-service-provider-options"),
        ("webhook-events list --limit 2 --success true", "webhook-events?limit=2&success=true"),
        ("custom-tags list --search warm", "custom-tags?search=warm"),
    ],
)
def test_the_command_line_prints_what_the_sandbox_answers(cli: Cli, world: Api, command: str, path: str) -> None:
    assert cli.run(*command.split()) == (0, world.http.get(f"/api/v2/{path}").json())


def test_the_command_line_tells_missing_records_and_wrong_keys_apart(cli: Cli, tmp_path: Path) -> None:
    nobody: Any = "0199aaaa-0000-7000-8000-000000000001"
    assert cli.run("campaigns", "get", nobody) == (1, {"error": "Resource not found", "code": "NOT_FOUND"})
    stranger = replace(cli, key="no-such-key", home=tmp_path)
    code, error = stranger.run("campaigns", "list")
    assert code == 1
    assert error["error"].startswith("Invalid API key")
