"""Which workspace an API key belongs to, and the names that users gave their workspaces.

A name is bound to the workspace it was first used for. A key of another workspace under the same name is refused, so
that one client's rows never mix with another's. A new key of the same workspace continues where the old one stopped.
"""

from __future__ import annotations

import orjson
import pyarrow.parquet as pq

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.errors import BadRequest, Forbidden, KeyRejected, PlanRequired, UsageError, WorkspaceError
from instantly_pipeline.lake.durable import write_durably
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import Record

WORKSPACE_PATH = "/api/v2/workspaces/current"
_ELSEWHERE = (("GET", "/api/v2/campaigns"), ("GET", "/api/v2/accounts"), ("POST", "/api/v2/leads/list"))


async def resolve(client: ApiClient) -> tuple[str, object]:
    """The workspace id of the client's key, and the response of /workspaces/current (None if it is refused).

    The id is `coalesce(organization_id, id)`. If the key may not read the workspace, it is the `organization` of the
    first campaign, account or lead (reference, sections 1.1 and 10).
    """
    try:
        answer = await client.get(WORKSPACE_PATH)
    except Forbidden:
        return await _from_records(client), None
    identity = workspace_in(answer)
    if identity is None:
        raise WorkspaceError("/workspaces/current has no workspace id, which every row needs. Nothing was written.")
    return identity, answer


def workspace_in(answer: object) -> str | None:
    """The workspace id in a response of /workspaces/current; None if it has none."""
    found = answer if isinstance(answer, dict) else {}
    identity = found.get("organization_id") or found.get("id")
    return identity if isinstance(identity, str) else None


def workspace_of(record: Record) -> str | None:
    """The workspace id in a campaign, an account or a lead; None if it has none."""
    identity = record.get("organization") or record.get("organization_id")
    return identity if isinstance(identity, str) and identity else None


async def _from_records(client: ApiClient) -> str:
    refused = 0
    for method, path in _ELSEWHERE:
        try:
            async for page in client.pages(method, path):
                for record in page.items:
                    if identity := workspace_of(record):
                        return identity
                break
        except BadRequest:
            continue  # leads are listed by campaign only
        except (Forbidden, PlanRequired):
            refused += 1
    if refused == len(_ELSEWHERE):
        raise KeyRejected("The key may not read workspaces, campaigns, accounts or leads. Give it the scope all:read.")
    raise WorkspaceError(
        "The key may not read the workspace, and no campaign, account or lead contains its id. "
        "Give the key the scope workspaces:read (or all:read)."
    )


def _from_runs(layout: Layout) -> dict[str, str]:
    """The names from the log of past runs, for when `workspaces.json` is lost or damaged."""
    files = layout.files(layout.meta, "sync_runs")
    columns = ["started_at", "workspace_name", "workspace_id"]
    rows = [row for file in files for row in pq.read_table(file.path, columns=columns).to_pylist()]
    rows.sort(key=lambda row: row["started_at"])
    return {row["workspace_name"]: row["workspace_id"] for row in rows if row["workspace_name"]}


class Names:
    """The names of workspaces and the ids they are bound to, stored in the lake."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.lake / "workspaces.json"
        self._root = layout.root
        try:
            found = orjson.loads(self._path.read_bytes())
        except (OSError, ValueError):
            found = None
        self._bound: dict[str, str] = found if isinstance(found, dict) else _from_runs(layout)

    def bound(self, name: str) -> str | None:
        """The id that `name` is bound to; None if it was never used."""
        return self._bound.get(name)

    def check(self, name: str, workspace_id: str) -> None:
        """UsageError if `name` is bound to another workspace."""
        bound = self._bound.get(name)
        if bound not in (None, workspace_id):
            raise UsageError(
                f"In {self._root} the name {name!r} belongs to workspace {bound}, but its key belongs to "
                f"{workspace_id}. Give the new workspace its own name in INSTANTLY_API_KEYS, or another "
                "INSTANTLY_DATA_DIR."
            )

    def bind(self, name: str, workspace_id: str) -> None:
        """Bind `name` to `workspace_id`; UsageError if it is bound to another workspace."""
        self.check(name, workspace_id)
        if self._bound.get(name) == workspace_id:
            return
        self._bound[name] = workspace_id
        write_durably(self._path, orjson.dumps(self._bound))
