"""The routes with their handlers and scopes."""

from collections.abc import Callable
from dataclasses import dataclass

from instantly_sandbox.endpoints import (
    activity,
    by_id,
    emails,
    extras,
    figures,
    leads,
    lists,
    placement,
    placement_stats,
    small_reads,
    webhook_events,
    webhooks,
)
from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import Response

Handler = Callable[[Call], Response]
BASE = "/api/v2/"


@dataclass(frozen=True)
class Route:
    """`template` has at most one `{...}` segment; `scope` None allows every valid key, else it needs `action`."""

    method: str
    template: str
    scope: str | None
    handler: Handler
    action: str = "read"

    @property
    def name(self) -> str:
        return f"{self.method} {BASE}{self.template}"


STREAMS = (
    Route("GET", "workspaces/current", "workspaces", lists.workspace),
    Route("GET", "campaigns", "campaigns", lists.campaigns),
    Route("GET", "campaigns/{id}", "campaigns", lists.campaign),
    Route("GET", "campaigns/analytics", "campaigns", figures.campaign_analytics),
    Route("GET", "campaigns/analytics/overview", "campaigns", figures.overview),
    Route("GET", "campaigns/analytics/daily", "campaigns", figures.daily),
    Route("GET", "campaigns/analytics/steps", "campaigns", figures.steps),
    Route("POST", "leads/list", "leads", leads.leads_list),
    Route("GET", "leads/{id}", "leads", leads.lead),
    Route("GET", "accounts", "accounts", lists.accounts),
    Route("GET", "accounts/{email}", "accounts", lists.account),
    Route("GET", "accounts/analytics/daily", "accounts", figures.account_daily),
    Route("POST", "accounts/warmup-analytics", "accounts", figures.warmup),
    Route("GET", "lead-lists", "lead_lists", lists.lead_lists),
    Route("GET", "lead-lists/{id}", "lead_lists", lists.lead_list),
    Route("GET", "lead-lists/{id}/verification-stats", "lead_lists", lists.verification_stats),
    Route("GET", "lead-labels", "lead-labels", lists.lead_labels),
    Route("GET", "lead-labels/{id}", "lead-labels", lists.lead_label),
    Route("GET", "block-lists-entries", "block_list_entries", lists.block_list),
    Route("GET", "block-lists-entries/{id}", "block_list_entries", lists.block_list_entry),
    Route("GET", "block-lists-entries/download", "block_list_entries", lists.block_list_download),
    Route("GET", "custom-tags", "custom_tags", lists.custom_tags),
    Route("GET", "custom-tags/{id}", "custom_tags", lists.custom_tag),
    Route("GET", "api-keys", "api_keys", lists.api_keys),
    Route("GET", "api-keys/{id}", "api_keys", lists.api_key),  # the seed has it; the reference says that live has not
)
OTHERS = (
    Route("GET", "campaigns/count-launched", "campaigns", extras.count_launched),
    Route("GET", "campaigns/search-by-contact", "campaigns", extras.search_by_contact),
    Route("GET", "campaigns/{id}/sending-status", "campaigns", extras.sending_status),
    Route("POST", "accounts/test/vitals", "accounts", extras.vitals),
    Route("GET", "account-campaign-mappings/{email}", "account_campaign_mappings", extras.account_mappings),
    Route("GET", "custom-tag-mappings", "custom_tag_mappings", extras.tag_mappings),
    Route("GET", "emails", "emails", emails.emails),
    Route("GET", "emails/unread/count", "emails", emails.unread),
    Route("GET", "emails/{id}", "emails", emails.email),
    Route("GET", "subsequences", "subsequences", extras.subsequences),
    Route("GET", "subsequences/analytics", "subsequences", extras.subsequence_analytics),
    Route("GET", "subsequences/{id}/analytics/steps", "subsequences", extras.subsequence_steps),
    Route("GET", "webhooks", None, webhooks.webhooks),
    Route("GET", "webhooks/event-types", None, activity.event_types),
    Route("GET", "webhooks/{id}", "webhooks", webhooks.webhook),
    Route("POST", "webhooks", "webhooks", webhooks.create, "create"),
    Route("PATCH", "webhooks/{id}", "webhooks", webhooks.update, "update"),
    Route("DELETE", "webhooks/{id}", "webhooks", webhooks.delete, "delete"),
    Route("POST", "webhooks/{id}/test", None, webhooks.test),
    Route("POST", "webhooks/{id}/resume", "webhooks", webhooks.resume, "update"),
    Route("GET", "webhook-events", "webhook_events", webhook_events.webhook_events),
    Route("GET", "webhook-events/summary", "webhook_events", webhook_events.webhook_summary),
    Route("GET", "webhook-events/summary-by-date", "webhook_events", webhook_events.webhook_summary_by_date),
    Route("GET", "audit-logs", "audit_logs", activity.audit_logs),
    Route("GET", "workspace-members", "workspace_members", extras.members),
    Route("GET", "workspace-group-members", "workspace_group_members", extras.group_members),
    Route("GET", "workspace-group-members/admin", None, extras.group_admin),
    Route("GET", "workspace-billing/plan-details", "workspace_billing", extras.plan_details),
    Route("GET", "workspace-billing/subscription-details", "workspace_billing", extras.subscription_details),
    Route("GET", "inbox-placement-tests", "inbox_placement_tests", placement.tests),
    Route("GET", "inbox-placement-tests/{id}", "inbox_placement_tests", placement.test),
    Route("GET", "inbox-placement-analytics", "inbox_placement_analytics", placement.analytics),
    Route("GET", "inbox-placement-reports", "inbox_placement_reports", placement.reports),
    Route("GET", "background-jobs", "background-jobs", extras.background_jobs),
)
BESIDE = (
    Route("GET", "webhook-events/{id}", "webhook_events", webhook_events.webhook_event),
    Route("GET", "subsequences/{id}", "subsequences", by_id.subsequence),
    Route("GET", "subsequences/{id}/sending-status", "subsequences", by_id.subsequence_sending_status),
    Route("GET", "workspace-members/{id}", "workspace_members", by_id.member),
    Route("GET", "workspace-group-members/{id}", "workspace_group_members", by_id.group_member),
    Route("GET", "background-jobs/{id}", "background-jobs", by_id.background_job),
    Route("GET", "inbox-placement-tests/email-service-provider-options", None, small_reads.esp_options),
    Route("GET", "inbox-placement-analytics/{id}", "inbox_placement_analytics", by_id.placement_analytics),
    Route("POST", "inbox-placement-analytics/stats-by-test-id", "inbox_placement_analytics", placement_stats.by_test),
    Route("POST", "inbox-placement-analytics/stats-by-date", "inbox_placement_analytics", placement_stats.by_date),
    Route(
        "POST",
        "inbox-placement-analytics/deliverability-insights",
        "inbox_placement_analytics",
        placement_stats.insights,
    ),
    Route("GET", "inbox-placement-reports/{id}", "inbox_placement_reports", by_id.placement_report),
    Route("GET", "email-templates", "email_templates", small_reads.email_templates),
    Route("GET", "email-templates/{id}", "email_templates", by_id.email_template),
    Route("GET", "sales-flow", "sales_flows", small_reads.sales_flows),
    Route("GET", "sales-flow/{id}", "sales_flows", by_id.sales_flow),
    Route("GET", "custom-prompt-templates", "custom_prompt_templates", small_reads.prompt_templates),
    Route("GET", "custom-prompt-templates/{id}", "custom_prompt_templates", by_id.prompt_template),
    Route("GET", "crm-actions/phone-numbers", "crm_actions", small_reads.phone_numbers),
    Route("GET", "workspaces/current/whitelabel-domain", "workspaces", small_reads.whitelabel_domain),
    Route("GET", "dfy-email-account-orders", "dfy_email_account_orders", small_reads.dfy_orders),
    Route("GET", "dfy-email-account-orders/accounts", "dfy_email_account_orders", small_reads.dfy_accounts),
    Route("GET", "accounts/ctd/status", "accounts", small_reads.tracking_domain),
    Route("GET", "email-verification/{email}", "email_verifications", small_reads.email_verification),
    Route("GET", "supersearch-enrichment/{resource_id}", "supersearch_enrichments", small_reads.enrichment),
    Route(
        "GET", "supersearch-enrichment/history/{resource_id}", "supersearch_enrichments", small_reads.enrichment_history
    ),
    Route(
        "GET",
        "supersearch-enrichment/ai/{resource_id}/in-progress",
        "supersearch_enrichments",
        small_reads.ai_enrichments,
    ),
)
ROUTES = STREAMS + OTHERS + BESIDE


class Router:
    """Finds the route of a request: exact paths first, then templates."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self._exact = {(r.method, BASE + r.template): r for r in routes if "{" not in r.template}
        self._shaped: dict[tuple[str, int], list[tuple[Route, list[str], int]]] = {}
        for route in routes:
            if "{" in route.template:
                parts = route.template.split("/")
                hole = next(i for i, p in enumerate(parts) if p.startswith("{"))
                self._shaped.setdefault((route.method, len(parts)), []).append((route, parts, hole))

    def find(self, method: str, path: str) -> tuple[Route, str] | None:
        route = self._exact.get((method, path))
        if route is not None:
            return route, ""
        if not path.startswith(BASE):
            return None
        given = path[len(BASE) :].split("/")
        for candidate, parts, hole in self._shaped.get((method, len(given)), ()):
            if given[hole] and all(a == b for i, (a, b) in enumerate(zip(parts, given, strict=True)) if i != hole):
                return candidate, given[hole]
        return None
