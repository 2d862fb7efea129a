"""`webhooks serve` as a process of its own, and what it has stored."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from instantly_pipeline.lake.inbox import Received, read_segment
from instantly_pipeline.lake.layout import Layout
from tests.cli.conftest import COMMAND

SECRET = "s3cret-of-this-test"
PATH = "/webhooks/instantly"


@dataclass
class Served:
    """A receiver that listens."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    secret: str | None
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def layout(self) -> Layout:
        return Layout(self.data_dir)

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Webhook-Secret": self.secret} if self.secret else {}

    def post(self, body: bytes | str | dict[str, Any], **headers: str) -> httpx.Response:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        return httpx.post(self.url + PATH, content=content, headers=self.headers | headers, timeout=20)

    def health(self) -> httpx.Response:
        return httpx.get(f"{self.url}/healthz", timeout=20)

    def stored(self, folder: str = "") -> list[Received]:
        """What is in the inbox now, or in a folder of it, closed or not."""
        paths = sorted((self.layout.inbox / folder).glob("[!.]*.jsonl"))
        return [event for path in paths for event in read_segment(path)]

    def end(self) -> tuple[int, str]:
        """Send SIGTERM; returns the exit code and what it said."""
        self.process.terminate()
        _, rest = self.process.communicate(timeout=30)
        return self.process.returncode, "".join([*self.said, rest])


@contextmanager
def served(data_dir: Path, *args: str, secret: str | None = SECRET) -> Iterator[Served]:
    """A receiver on a free port of loopback; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [*COMMAND, "webhooks", "serve", "--port", "0", *args], env=environment(data_dir, secret),
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            said = []
            while not (found := re.search(r"Receiving at (http://[^/]+)/", "".join(said))):
                said.append(process.stderr.readline())
                assert said[-1], said
            yield Served(process, found[1], data_dir, secret, said)
        finally:
            process.kill()


def environment(data_dir: Path, secret: str | None) -> dict[str, str]:
    """Without the user's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    made = {"INSTANTLY_ENV_FILE": str(data_dir.parent / "none.env"), "INSTANTLY_DATA_DIR": str(data_dir)}
    return kept | made | ({"INSTANTLY_WEBHOOK_SECRET": secret} if secret else {})
