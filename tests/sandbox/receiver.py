"""A target for webhooks on loopback: it remembers what was posted and answers as told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Target:
    """`answers` gives the status of the n-th post, counted from 0."""

    url: str = ""
    answers: Callable[[int], int] = lambda n: 200
    posts: list[tuple[dict[str, str], Any]] = field(default_factory=list)  # (headers in lower case, payload)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def payloads(self) -> list[Any]:
        return [payload for _, payload in self.posts]

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._turn:
            self.posts.append((headers, orjson.loads(body)))
            return self.answers(len(self.posts) - 1)


@contextmanager
def listening(answers: Callable[[int], int] = lambda n: 200) -> Iterator[Target]:
    target = Target(answers=answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = target.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            if 300 <= status < 400:
                self.send_header("location", "http://hooks.example/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    target.url = f"http://127.0.0.1:{server.server_address[1]}/in"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
