"""What the sandbox itself can do: pages a second to a client that only follows the cursors.

    python -m benchmarks.ceiling HOST:PORT KEY CHAINS

Plain sockets, nothing decoded: the cursor is cut from the end of the answer. A contender that comes near this figure is
bound by the sandbox, not by itself.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

_HEAD = "POST /api/v2/leads/list HTTP/1.1\r\nHost: x\r\nUser-Agent: least/1\r\nAuthorization: Bearer {key}\r\n"
_TYPE = "Content-Type: application/json\r\nContent-Length: "
_MARK = b'"next_starting_after":"'


def _chain(host: str, port: int, head: bytes, start: str | None, stop: str | None, pages: list[int]) -> None:
    with socket.create_connection((host, port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = link.makefile("rb", buffering=1 << 20)
        cursor, count = start, 0
        while True:
            body = b'{"limit":100}' if cursor is None else f'{{"limit":100,"starting_after":"{cursor}"}}'.encode()
            link.sendall(b"%s%d\r\n\r\n%s" % (head, len(body), body))
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            tail = reader.read(length)[-80:]
            count += 1
            at = tail.find(_MARK)
            cursor = tail[at + len(_MARK) :].split(b'"')[0].decode() if at >= 0 else None
            if cursor is None or (stop is not None and cursor > stop):
                pages.append(count)
                return


def main() -> None:
    """Run the chains; print pages and seconds as JSON."""
    (host, port), key, chains = sys.argv[1].split(":"), sys.argv[2], int(sys.argv[3])
    head = (_HEAD.format(key=key) + _TYPE).encode()
    marks = [f"{i * 2**32 // chains:08x}-0000-0000-0000-000000000000" for i in range(1, chains)]
    edges = zip([None, *marks], [*marks, None], strict=True)
    pages: list[int] = []
    threads = [threading.Thread(target=_chain, args=(host, int(port), head, a, b, pages)) for a, b in edges]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    print(json.dumps({"pages": sum(pages), "seconds": took, "per_second": sum(pages) / took}))


if __name__ == "__main__":
    main()
