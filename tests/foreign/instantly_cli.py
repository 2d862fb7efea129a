"""The npm package `instantly-cli` in a folder beside our environment, and two ways to run it against a sandbox.

Its base address is fixed, so `to_sandbox.mjs` is loaded before it. It is installed where git does not look, without
scripts of packages, and stays there for the next run.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

VERSION = "0.1.21"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "npm" / f"instantly-cli-{VERSION}"
MODULES = FOLDER / "node_modules"
OLDEST_NODE = 20  # for `--import`
HOOK = Path(__file__).with_name("to_sandbox.mjs")


def installed() -> Path:
    """The package's entry point; skips the test in words where it cannot be had."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on this machine; instantly-cli needs Node.js {OLDEST_NODE} or later")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"this machine has Node.js {version}; instantly-cli needs {OLDEST_NODE} or later")
    if not (MODULES / ".package-lock.json").is_file():  # npm writes it last
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(FOLDER), "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                [*command, f"instantly-cli@{VERSION}"], capture_output=True, text=True, timeout=180, cwd=FOLDER
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install instantly-cli {VERSION} within three minutes")
        if done.returncode:
            pytest.skip(f"npm cannot install instantly-cli {VERSION}: {(done.stderr.splitlines() or ['?'])[0]}")
    return MODULES / "instantly-cli" / "dist" / "index.js"


@dataclass
class Cli:
    """The command line: one process per command."""

    entry: Path
    url: str
    key: str
    home: Path

    def command(self, *arguments: str) -> list[str]:
        return ["node", "--import", HOOK.as_uri(), str(self.entry), *arguments]

    def environment(self) -> dict[str, str]:
        """Nothing of the user's: the client looks for keys in the home folder and the working one."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "INSTANTLY_API_KEY": self.key,
            "SANDBOX_URL": self.url,
        }

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Exit code, and what it printed as JSON: the answer, or the error."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, json.loads(done.stdout or done.stderr)


class Tools:
    """The same commands as tools of its MCP server, in one process: JSON-RPC, a line per message."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self._numbers = process, count(1)

    def ask(self, method: str, **params: Any) -> Any:
        self._send({"id": next(self._numbers), "method": method, "params": params})
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())["result"]

    def tell(self, method: str) -> None:
        self._send({"method": method})

    def names(self) -> set[str]:
        return {tool["name"] for tool in self.ask("tools/list")["tools"]}

    def call(self, tool: str, **arguments: Any) -> tuple[bool, Any]:
        """Whether it worked, and the answer as JSON."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        return not result.get("isError"), json.loads(result["content"][0]["text"])

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


@contextmanager
def tools(cli: Cli) -> Iterator[Tools]:
    process = subprocess.Popen(
        cli.command("mcp"),
        env=cli.environment(),
        cwd=cli.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        served = Tools(process)
        client = {"name": "foreign-tests", "version": "1"}
        served.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        served.tell("notifications/initialized")
        try:
            yield served
        finally:
            process.terminate()
