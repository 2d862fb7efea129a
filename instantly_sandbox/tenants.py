"""Workspaces and their keys: authenticates requests and checks scopes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.http import ApiError, Request
from instantly_sandbox.limits import Limiter
from instantly_sandbox.nullable import with_nulls, without_false, without_last_step
from instantly_sandbox.seed_shape import lead as seed_lead
from instantly_sandbox.switches import Switches, applies
from instantly_sandbox.world.world import World

Record = dict[str, Any]
CODES = {401: "Invalid API key", 402: "Workspace does not have an active paid plan", 403: "Forbidden"}


@dataclass
class Tenant:
    """A workspace: its world, its keys and its rate limits."""

    world: World
    keys: list[str]
    limiter: Limiter = field(default_factory=lambda: Limiter(to_calendar=time.time() - time.monotonic()))


class Tenants:
    """All workspaces of a sandbox."""

    def __init__(self, config: SandboxConfig, switches: Switches) -> None:
        self.switches, self.config = switches, config
        now = int(config.start().timestamp() * 1000)
        self.all = [self._tenant(i, key, now) for i, key in enumerate(config.keys)]
        self.all[0].keys += [*config.extra_keys]
        self.by_key = {key: tenant for tenant in self.all for key in tenant.keys}
        self.by_id = {tenant.world.id: tenant for tenant in self.all}

    def _tenant(self, index: int, key: str, now: int) -> Tenant:
        c = self.config
        share = 1 if index == 0 else 4
        world = World(
            seed=c.seed,
            workspace=index,
            now=now,
            days=c.days,
            campaigns=-(-c.campaigns // share),
            leads=-(-c.leads // share),
            accounts=-(-c.accounts // share),
            lead_shape=self._lead_shape(),
        )
        if c.warm:
            world.leads.warm()
        return Tenant(world, [key])

    def _lead_shape(self) -> Callable[[Record], Record]:
        """A function that shapes a lead by the profile and the switches, which it reads when a lead is rendered."""
        seed, switches = self.config.profile == "seed", self.switches

        def shaped(record: Record) -> Record:
            if seed:
                record = seed_lead(record)
            else:
                if switches.last_step_in_summary:
                    record = without_last_step(record)
                if not switches.omit_nulls:
                    record = with_nulls("leads", record)
            if applies(switches.omit_false, "leads"):
                record = without_false(record)
            if applies(switches.unknown_field, "leads"):
                record["sandbox_new_field"] = {"since": "2026-09", "beta": True}
            if applies(switches.unknown_enum, "leads"):
                record["status"] = 77
            return record

        return shaped

    def authenticate(self, request: Request) -> tuple[Tenant, str]:
        """The workspace and the key of a request; ApiError 401, 402 or 403."""
        header = request.headers.get(b"authorization", b"").decode("latin-1")
        if not header:
            raise ApiError(401, "Missing authorization header")
        scheme, _, key = header.partition(" ")
        tenant = self.by_key.get(key.strip()) if scheme.lower() == "bearer" else None
        if tenant is None:
            raise ApiError(401, "Invalid API key")
        status = self.switches.key_status.get(key)
        if status is not None:
            raise ApiError(status, CODES.get(status, "Forbidden"))
        other = request.headers.get(b"x-as-workspace", b"").decode("latin-1")
        if other and self.switches.as_workspace:
            if tenant is not self.all[0] or other not in self.by_id:
                raise ApiError(403, "You do not have access to this workspace")
            tenant = self.by_id[other]
        return tenant, key

    def allows(self, key: str, scope: str | None, action: str = "read") -> bool:
        """Whether the key has one of `<scope>:<action>`, `<scope>:all`, `all:<action>`, `all:all`."""
        if scope is None:
            return True
        usual = self.config.scopes if key == self.config.key else ("all:all",)
        held = self.switches.key_scopes.get(key, usual)
        return any(s in held for s in (f"{scope}:{action}", f"{scope}:all", f"all:{action}", "all:all"))
