"""Sets up the httpx client: origin, headers, proxy, timeouts.

The key is sent to its own origin only: redirects are not followed, netrc is not read, and a user name in the address
does not replace the key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from dataclasses import dataclass
from urllib.request import getproxies

import httpx

from instantly_pipeline import __version__
from instantly_pipeline.api.receive import ACCEPT_ENCODING
from instantly_pipeline.api.redaction import excerpt
from instantly_pipeline.api.transport import AiohttpTransport
from instantly_pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of one try, in seconds: `read` between two chunks of the response, `total` for the whole response.

    30 s of `read` were too short for some large workspaces (reference, section 20).
    """

    connect: float = 10.0
    read: float = 90.0
    write: float = 30.0
    pool: float = 60.0
    total: float = 300.0


class _Bearer(httpx.Auth):
    """Sends the key. An explicit auth also keeps httpx from using credentials in the address."""

    def __init__(self, key: str) -> None:
        self._header = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


def parse_origin(base_url: str) -> httpx.URL:
    """Parse the address of the API; UsageError if it is not an http(s) URL."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError("The address of the API is not valid. Set INSTANTLY_BASE_URL to https://api.instantly.ai.")
    return url


def validated_key(key: str) -> str:
    """The key if it can be sent in a header, else UsageError (the HTTP library's own error would show the key)."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            "The API key is empty or has invalid characters. Check INSTANTLY_API_KEY (or INSTANTLY_API_KEYS)."
        )
    return key


def open_http(
    url: httpx.URL,
    key: str,
    *,
    transport: httpx.AsyncBaseTransport | None,
    timeouts: Timeouts,
    concurrency: int,
) -> httpx.AsyncClient:
    """An httpx client that sends the key; UsageError if the environment's proxy or certificates cannot be used.

    It sets a User-Agent because the CDN answers 403 to the defaults of HTTP libraries.
    """
    trust_env = not _is_loopback(url.host)  # no proxy for this machine itself
    try:
        if transport is None and not (trust_env and getproxies().keys() - {"no"}):
            tls = httpx.create_ssl_context() if url.scheme == "https" else None
            transport = AiohttpTransport(connections=concurrency, tls=tls)
        return httpx.AsyncClient(
            transport=transport,
            auth=_Bearer(key),
            headers={
                "User-Agent": f"instantly-pipeline/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            timeout=httpx.Timeout(
                connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool
            ),
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            trust_env=trust_env,
            follow_redirects=False,
        )
    except ImportError:
        raise UsageError(
            "The environment names a SOCKS proxy (ALL_PROXY or HTTPS_PROXY), and the package for it is not installed. "
            "In the project's folder: .venv/bin/python -m pip install -e '.[socks]'. Or unset the variable."
        ) from None
    except (ValueError, OSError, httpx.InvalidURL) as error:
        problem = excerpt(str(error))
    raise UsageError(
        f"The proxy or certificate settings of the environment cannot be used: {problem}. "
        "Check HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
