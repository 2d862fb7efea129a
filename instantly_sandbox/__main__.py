"""`python -m instantly_sandbox`: serve a sandbox and print `URL key` when it is ready."""

import argparse
import os
import signal
import sys
import threading
from datetime import UTC, datetime

import orjson

from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import serve


def _parser() -> argparse.ArgumentParser:
    known = SandboxConfig()
    parser = argparse.ArgumentParser(prog="python -m instantly_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=known.port, help="0 picks a free one")
    parser.add_argument("--key", default=known.key)
    parser.add_argument("--profile", choices=("live", "seed"), default=known.profile)
    parser.add_argument("--now", type=_instant, default=None, help="end of the data, ISO 8601; default: now")
    for name in ("seed", "days", "campaigns", "leads", "accounts", "workspaces"):
        parser.add_argument(f"--{name}", type=int, default=getattr(known, name))
    parser.add_argument("--unlimited", action="store_true", help="no rate limits")
    parser.add_argument("--warm", action="store_true", help="render every lead before being ready")
    parser.add_argument("--config", help="a SandboxConfig as JSON; the sandbox stops when standard input is closed")
    return parser


def _instant(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_json(text: str) -> SandboxConfig:
    values = orjson.loads(text)
    if values.get("now"):
        values["now"] = _instant(values["now"])
    for name in ("extra_keys", "scopes"):
        values[name] = tuple(values[name])
    return SandboxConfig(**values)


def _stop_with_parent() -> None:
    """Stop when standard input is closed, which the parent process holds open while it lives."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _announce(url: str, key: str) -> None:
    sys.stdout.write(f"{url} {key}\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> None:
    """Serve until Ctrl-C, SIGTERM or (with --config) the end of standard input."""
    options = _parser().parse_args(argv)
    if options.config:
        _stop_with_parent()
        config = _from_json(options.config)
    else:
        values = {k: v for k, v in vars(options).items() if k not in ("unlimited", "config")}
        config = SandboxConfig(rate_limited=not options.unlimited, **values)
    serve(config, on_ready=_announce)


if __name__ == "__main__":
    main()
