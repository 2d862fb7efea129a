"""The configuration of a sandbox. It is fixed while the sandbox runs; `switches` has what can change."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Profile = Literal["live", "seed"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class SandboxConfig:
    """One sandbox: its address, its keys and the size of its world.

    `now` is the time at which the world's data ends (None: the real time); only `/_sandbox/advance` moves it. Answers
    have a `Date` header from the real clock; if `now` is set, they have none unless `/_sandbox/clock` sets it. `leads`
    is the number of leads that the first workspace lists at the start; further workspaces have a quarter of the
    campaigns, leads and accounts. `scopes` are those of the main key, `extra_keys` further keys of the first workspace.
    `warm` renders every lead before the sandbox is ready, so that a benchmark measures only its client. `switches`
    override the defaults of `switches.Switches`.
    """

    port: int = 0
    host: str = "127.0.0.1"
    key: str = "sandbox-key"
    extra_keys: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("all:all",)
    profile: Profile = "live"
    seed: int = 7
    days: int = 90
    now: datetime | None = None
    campaigns: int = 12
    leads: int = 5000
    accounts: int = 24
    workspaces: int = 1
    rate_limited: bool = True
    warm: bool = False
    switches: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK:
            raise ValueError(f"the sandbox listens on loopback only, not on {self.host!r}: use 127.0.0.1")
        if self.profile not in ("live", "seed"):
            raise ValueError(f"profile is live or seed, not {self.profile!r}")
        if min(self.campaigns, self.leads, self.accounts, self.port) < 0 or self.days < 1 or self.workspaces < 1:
            raise ValueError("campaigns, leads, accounts, port are 0 or more; days and workspaces 1 or more")
        if self.now is not None and self.now.tzinfo is None:
            raise ValueError("now needs a time zone, for example 2026-09-01T12:00:00Z")

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each workspace, in order: `key`, `key-2`, `key-3`, ..."""
        return tuple(self.key if i == 0 else f"{self.key}-{i + 1}" for i in range(self.workspaces))

    def start(self) -> datetime:
        """The time at which the world's data ends at the start, to the millisecond."""
        now = (self.now or datetime.now(UTC)).astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
