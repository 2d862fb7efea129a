"""Serves a sandbox: blocking, in a thread of this process, or in a child process."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from instantly_sandbox.app import App
from instantly_sandbox.breakage import TRANSPORT
from instantly_sandbox.config import SandboxConfig

__all__ = ["RunningSandbox", "SandboxConfig", "running", "serve", "spawned"]
READY_WITHIN = 600.0


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that accepts connections. `pid` is the process it runs in."""

    url: str
    key: str
    pid: int


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with the transport in the scope so that a fault can close the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class _Server(uvicorn.Server):
    """Calls `ready` with its port once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM stop serving but not the process (uvicorn would raise them again)."""
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


class _ThreadServer(_Server):
    """Handles no signals; `end`, from any thread, stops it at once, since tests start hundreds."""

    async def startup(self, sockets: Any = None) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._over.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            transport = cast("Any", connection).transport
            transport.abort()
        await asyncio.sleep(0)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)


def _settings(config: SandboxConfig, app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        date_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
        backlog=512,
    )


def _url(config: SandboxConfig, port: int) -> str:
    return f"http://[::1]:{port}" if config.host == "::1" else f"http://127.0.0.1:{port}"


def serve(config: SandboxConfig, *, on_ready: Callable[[str, str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready(url, key)` is called once connections are accepted."""
    app = App(config)
    gc.collect()
    gc.freeze()  # the world's objects stay: collecting among them would only cost time
    server = _Server(_settings(config, app), lambda port: on_ready(_url(config, port), config.key))
    server.run()


@contextmanager
def running(config: SandboxConfig) -> Iterator[RunningSandbox]:
    """A sandbox in a background thread of this process."""
    app, ports, listening = App(config), list[int](), threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        listening.set()

    server = _ThreadServer(_settings(config, app), ready)
    failure: list[BaseException] = []

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_loop) as runner:
                runner.run(server.serve())
        except BaseException as wrong:  # noqa: BLE001 - raised again in the thread that started this one
            failure.append(wrong)
        finally:
            listening.set()

    thread = threading.Thread(target=work, name="sandbox", daemon=True)
    thread.start()
    listening.wait(READY_WITHIN)
    if not ports:
        raise RuntimeError(f"the sandbox did not start: {failure or 'port taken?'}")
    try:
        yield RunningSandbox(_url(config, ports[0]), config.key, os.getpid())
    finally:
        server.end()
        thread.join(10)


def _loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


@contextmanager
def spawned(config: SandboxConfig) -> Iterator[RunningSandbox]:
    """A sandbox in a child process; it stops at the end of the block, or when this process ends."""
    values = {**asdict(config), "now": config.now.isoformat() if config.now else None}
    command = [sys.executable, "-m", "instantly_sandbox", "--config", orjson.dumps(values).decode()]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        line = child.stdout.readline().split() if child.stdout else []
        if len(line) != 2:
            raise RuntimeError(f"the sandbox did not start (exit code {child.wait(10)}); see its error output")
        yield RunningSandbox(line[0], line[1], child.pid)
    finally:
        _end(child)


def _end(child: "subprocess.Popen[str]") -> None:
    """Close its stdin, on which it stops; kill it if it does not."""
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
    try:
        child.wait(3)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)
