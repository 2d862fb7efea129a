"""The only reader of the environment.

Settings come from environment variables and from a `.env` file in the project's root (the folder of `workspace.yaml`);
the environment wins. Relative paths are relative to that root, whatever the current folder is. Keys are `SecretStr`, so
that they do not show in a repr, a log or an error.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from instantly_pipeline.errors import UsageError
from instantly_pipeline.memory import AMOUNT, available, default_limit

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BASE_URL = "https://api.instantly.ai"
_PREFIX = "INSTANTLY_"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settings(BaseSettings):
    """All settings; `.env.example` describes each one."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore")

    api_key: SecretStr | None = None
    api_keys: SecretStr | None = None
    streams: str | None = None
    base_url: str = DEFAULT_BASE_URL
    data_dir: Path = Path("data")
    start_date: date | None = None
    lookback_days: int = Field(14, ge=1, le=365)
    sweep_days: int = Field(14, ge=1, le=365)
    max_requests_per_minute: int | None = Field(None, ge=1)
    pii: str = "keep"
    pii_secret: SecretStr | None = None
    storage_version: str = "v1.2.0"
    memory_limit: str = Field(default_factory=lambda: default_limit(available()))
    publish_mode: int = 0o440
    probe_file: Path | None = None
    webhook_secret: SecretStr | None = None
    email_bodies: bool = False

    @field_validator("publish_mode", mode="before")
    @classmethod
    def _parse_publish_mode(cls, value: Any) -> Any:  # runs after `_blank_is_unset`: pydantic runs the last one first
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"0?4(00|40|44)", str(value)):
            raise ValueError("must be 0400 (only you can read), 0440 (your group too) or 0444 (everybody)")
        return int(value, 8)

    @field_validator("*", mode="before")
    @classmethod
    def _blank_is_unset(cls, value: Any, info: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value.strip() if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        return _origin(value)

    @field_validator("memory_limit")
    @classmethod
    def _check_memory_limit(cls, value: str) -> str:
        if not AMOUNT.fullmatch(value):
            raise ValueError("must be an amount of memory, for example 1GB")
        return value

    @field_validator("storage_version")
    @classmethod
    def _check_storage_version(cls, value: str) -> str:
        if not re.fullmatch(r"v\d+\.\d+\.\d+|latest", value):
            raise ValueError("must be a DuckDB version, for example v1.2.0")
        return value

    @field_validator("pii")
    @classmethod
    def _check_pii(cls, value: str) -> str:
        if value == "keep":
            return value
        if value in {"hash", "drop"}:
            raise ValueError(f"{value} is not available yet, only keep. Nothing was read or written")
        raise ValueError("must be keep")

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        secret = _strip_quotes(value.get_secret_value()) if value else ""
        if not secret.isascii() or not secret.isprintable():
            raise ValueError("must be printable ASCII, since it is sent in a header")
        return SecretStr(secret) if secret else None

    @field_validator("data_dir", "probe_file")
    @classmethod
    def _resolve_path(cls, value: Path | None) -> Path | None:
        return None if value is None else PROJECT_ROOT / value.expanduser()

    def keys(self) -> dict[str, SecretStr]:
        """Workspace name to key; UsageError if none is set, or both variables are."""
        if self.api_key and self.api_keys:
            raise UsageError(
                "INSTANTLY_API_KEY and INSTANTLY_API_KEYS are both set. Keep one: the first for a single workspace, "
                'the second, e.g. {"acme": "<key>", "globex": "<key>"}, for several.'
            )
        if self.api_key:
            return {"default": SecretStr(_strip_quotes(self.api_key.get_secret_value()))}
        if self.api_keys:
            return _parse_keys(self.api_keys.get_secret_value())
        raise UsageError(
            "No API key is set. Put INSTANTLY_API_KEY=<key> into a file named .env in the project's folder "
            "(Instantly: Settings, Integrations, API keys, scope all:read), or try `make demo`, which needs none."
        )

    def stream_names(self) -> list[str] | None:
        """The groups and streams of INSTANTLY_STREAMS, or None for the default (the group `core`)."""
        return [name.strip() for name in self.streams.split(",") if name.strip()] if self.streams else None

    def first_day(self, today: date) -> date:
        """The first day of daily figures to read: INSTANTLY_START_DATE, or 365 days before `today`."""
        return self.start_date or today - timedelta(days=365)


def load(**overrides: Any) -> Settings:
    """Read the settings; UsageError names the variable that is wrong. `overrides` that are not None win."""
    given = {name: value for name, value in overrides.items() if value is not None}
    dotenv = _read_dotenv()
    in_environment = {name.upper() for name in os.environ}
    names = [name for name in Settings.model_fields if f"{_PREFIX}{name.upper()}" not in in_environment]
    from_file = {name: dotenv[key] for name in names if (key := f"{_PREFIX}{name.upper()}") in dotenv}
    try:
        return Settings(**(from_file | given))
    except ValidationError as error:
        raise UsageError(_describe(error)) from None  # pydantic's text repeats the input, which may be a key


def _dotenv_path() -> Path:
    return Path(os.environ.get("INSTANTLY_ENV_FILE") or PROJECT_ROOT / ".env")


def _read_dotenv(*, interpolate: bool = False) -> dict[str, str]:
    """The variables of the `.env` file, names in upper case. Not interpolated: a `$` in a key stays a `$`."""
    env_file = _dotenv_path()
    try:
        found = dotenv_values(env_file, encoding="utf-8", interpolate=interpolate) if env_file.is_file() else {}
    except OSError as error:
        raise UsageError(f"{env_file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{env_file} is not UTF-8 text.") from None
    return {name.upper(): value for name, value in found.items() if value is not None}


def unload_dotenv() -> None:
    """Remove the variables from the environment that a command of Dagster's has loaded from `.env`.

    Dagster's commands load `.env` when they start (dagster 1.13, `dagster/_cli/utils.py`). The processes they start
    later would use those old values as if they were the user's environment, while `load` reads the file for each run. A
    variable with the same value in both is taken to be from the file. Under `dagster dev`, where the file wins over the
    environment, all variables of the file are, since the file may have changed since the process started.
    """
    if _dotenv_path().resolve() != (Path.cwd() / ".env").resolve():
        return  # Dagster reads only the .env of the current folder
    with suppress(UsageError):  # `load` raises it when a run starts
        plain, interpolated = _read_dotenv(), _read_dotenv(interpolate=True)
        for name in [name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() in plain]:
            same = os.environ[name] in (plain[name.upper()], interpolated[name.upper()])
            if same or "DAGSTER_IS_DEV_CLI" in os.environ:
                del os.environ[name]


def dagster_home() -> Path:
    """DAGSTER_HOME, or `dagster_home/` of the project; a relative path is relative to the project's root.

    The environment wins over `.env`. UsageError if `.env` cannot be read.
    """
    return _resolve_home(os.environ.get("DAGSTER_HOME") or _dagster_home_in_dotenv())


def other_dagster_home() -> Path | None:
    """The home that `.env` sets if the environment sets another one: `dagster dev` uses that of `.env`."""
    in_dotenv = _dagster_home_in_dotenv()
    return _resolve_home(in_dotenv) if in_dotenv and _resolve_home(in_dotenv) != dagster_home() else None


def _dagster_home_in_dotenv() -> str | None:
    return _read_dotenv(interpolate=True).get("DAGSTER_HOME")  # interpolated, as Dagster reads it


def _resolve_home(home: str | None) -> Path:
    return PROJECT_ROOT / Path((home or "").strip() or "dagster_home").expanduser()


def _describe(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"INSTANTLY_{name}: {message}."


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"must be an address, for example {DEFAULT_BASE_URL}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address, without user, query or fragment")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("plain http is allowed for this machine (localhost) only; use https")
    if parts.path.rstrip("/").removesuffix("/api/v2"):  # not shown: it may be a key put in the wrong place
        raise ValueError("must end after the host and port; the pipeline adds the paths below /api/v2")
    usual = ":443" if parts.scheme == "https" else ":80"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"


def _strip_quotes(text: str) -> str:
    """The text without surrounding quotes, which some shells and tools leave in a value."""
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _parse_keys(text: str) -> dict[str, SecretStr]:
    problem = UsageError(
        'INSTANTLY_API_KEYS must be a JSON object of workspace names and keys, e.g. {"acme": "<key>"}. '
        "In .env, put the whole value in single quotes."
    )
    try:
        found = json.loads(_strip_quotes(text), object_pairs_hook=tuple)  # a dict would lose a name that comes twice
    except ValueError:
        raise problem from None  # the parser's message would repeat part of the text
    if not isinstance(found, tuple) or not found:
        raise problem
    if not all(name.strip() and isinstance(key, str) and _strip_quotes(key) for name, key in found):
        raise problem
    names = [name.strip() for name, _ in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"INSTANTLY_API_KEYS names the workspace {twice!r} twice. Give each its own name.")
    if any("\ud800" <= char <= "\udfff" for name in names for char in name):
        raise UsageError("INSTANTLY_API_KEYS has a lone surrogate (\\ud800 to \\udfff) in a name. Correct the name.")
    return {name.strip(): SecretStr(_strip_quotes(key)) for name, key in found}
