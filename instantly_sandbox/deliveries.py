"""Posts webhook payloads to their targets, on loopback only."""

import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from instantly_sandbox.config import LOOPBACK

Record = dict[str, Any]
TIMEOUT = 10.0  # seconds for one attempt: three fit into the 30 s that third parties report


def is_loopback(url: str) -> bool:
    """Whether the host is this machine by name or address; nothing is resolved."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


async def post(hook: Record, payload: Record, client: httpx.AsyncClient) -> Record:
    """One attempt: `success`, `response_time_ms` and `status_code` or `error`. Redirects are not followed."""
    if not is_loopback(hook["target_hook_url"]):
        return {"success": False, "error": "the sandbox sends to loopback only", "response_time_ms": 0}
    headers = {"user-agent": "instantly-sandbox", **(hook.get("headers") or {}), "content-type": "application/json"}
    began = time.monotonic()
    try:
        answer = await client.post(hook["target_hook_url"], content=orjson.dumps(payload), headers=headers)
        found: Record = {"success": answer.is_success, "status_code": answer.status_code}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as wrong:
        found = {"success": False, "error": type(wrong).__name__}
    return {**found, "response_time_ms": round((time.monotonic() - began) * 1000)}


def http_client() -> httpx.AsyncClient:
    """A client that ignores the environment's proxies, which must never see a delivery."""
    return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=False)  # noqa: S501 - loopback only


async def send_test(hook: Record, payload: Record) -> Record:
    """The answer of `POST /webhooks/{id}/test`."""
    async with http_client() as client:
        found = await post(hook, payload, client)
    said = "Webhook test successful" if found["success"] else "Webhook test failed"
    return {"message": said, **found}
