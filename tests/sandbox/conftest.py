"""Sandboxes for the tests: one to read from, and new ones to change."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import running

NOW = datetime(2026, 9, 16, 14, 30, tzinfo=UTC)  # a Wednesday afternoon
AGENT = "sandbox-tests/1"


class Api:
    """A small client: `get`, `leads`, `post` for the API, `control` for what is under `/_sandbox`."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        headers = {"authorization": f"Bearer {key}", "user-agent": AGENT}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=20, verify=False)  # plain http: no certificates

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(f"/api/v2/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(f"/api/v2/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, path: str, **params: Any) -> int:
        return self.http.get(f"/api/v2/{path}", params=params).status_code

    def pages(self, path: str, **params: Any) -> list[Any]:
        """Every page of a list, until an empty page or no cursor."""
        found, cursor = [], None
        while True:
            page = self.get(path, limit=100, **params, **({"starting_after": cursor} if cursor else {}))
            found.append(page)
            cursor = page.get("next_starting_after")
            if not page["items"] or not cursor:
                return found

    def items(self, path: str, **params: Any) -> list[Any]:
        return [item for page in self.pages(path, **params) for item in page["items"]]

    def leads(self, limit: int = 100, **body: Any) -> list[Any]:
        found, cursor = [], None
        while True:
            page = self.post("leads/list", {"limit": limit, **body, **({"starting_after": cursor} if cursor else {})})
            found += page["items"]
            cursor = page.get("next_starting_after")
            if not page["items"] or not cursor:
                return found

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self, collection: str, **params: Any) -> list[Any]:
        answer = self.http.get(f"/_sandbox/state/{collection}", params=params)
        assert answer.status_code == 200, answer.text
        return [orjson.loads(line) for line in answer.content.splitlines()]

    def mutate(self, *ops: Any) -> int:
        return int(self.control("POST", "mutate", list(ops))["applied"])

    def switch(self, **switches: Any) -> Any:
        return self.control("POST", "switches", switches)

    def fault(self, **fault: Any) -> Any:
        return self.control("POST", "faults", fault)


def small(**more: Any) -> SandboxConfig:
    values: dict[str, Any] = {"now": NOW, "leads": 600, "accounts": 12, "rate_limited": False}
    return SandboxConfig(**{**values, **more})


@pytest.fixture(scope="session")
def still() -> Iterator[Api]:
    """A world that nobody changes."""
    with running(small(leads=1500)) as sandbox:
        api = Api(sandbox.url, sandbox.key)
        yield api
        api.http.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Api]]:
    """Start sandboxes of one's own: `make(leads=50, ...)`."""
    with ExitStack() as stack:

        def start(**more: Any) -> Api:
            sandbox = stack.enter_context(running(small(**more)))
            api = Api(sandbox.url, sandbox.key)
            stack.callback(api.http.close)
            return api

        yield start


@pytest.fixture
def api(make: Callable[..., Api]) -> Api:
    """A small world to change."""
    return make()
