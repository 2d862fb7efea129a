"""The only reader of the environment.

Settings come from environment variables and from a `.env` file in the project's root (the folder of `workspace.yaml`);
the environment wins. Relative paths are taken from that root, wherever a command is typed. Keys are `SecretStr`: they
do not show in a repr, a log or an error.
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

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_BASE_URL = "https://api.instantly.ai"
_PREFIX = "INSTANTLY_"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settings(BaseSettings):
    """Everything a user can set; see `.env.example` for what each one means."""

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
    memory_limit: str = "2GB"
    publish_mode: int = 0o440

    @field_validator("publish_mode", mode="before")
    @classmethod
    def _rights(cls, value: Any) -> Any:  # asked after the one below: the last one comes first
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"0?4(00|40|44)", str(value)):
            raise ValueError("must be 0400 (you alone), 0440 (your group may read) or 0444 (everybody may)")
        return int(value, 8)

    @field_validator("*", mode="before")
    @classmethod
    def _blank_is_unset(cls, value: Any, info: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value.strip() if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        return _checked_origin(value)

    @field_validator("memory_limit")
    @classmethod
    def _amount(cls, value: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?\s*[KMGT]i?B", value, re.IGNORECASE):
            raise ValueError("must be an amount of memory such as 2GB")
        return value

    @field_validator("storage_version")
    @classmethod
    def _version(cls, value: str) -> str:
        if not re.fullmatch(r"v\d+\.\d+\.\d+|latest", value):
            raise ValueError("must be a version of DuckDB such as v1.2.0")
        return value

    @field_validator("pii")
    @classmethod
    def _known_pii(cls, value: str) -> str:
        if value == "keep":
            return value
        if value in {"hash", "drop"}:
            raise ValueError(f"{value} is not available yet; only keep is. Nothing was read or written")
        raise ValueError("must be keep")

    @field_validator("data_dir")
    @classmethod
    def _from_root(cls, value: Path) -> Path:
        return PROJECT_ROOT / value.expanduser()

    def keys(self) -> dict[str, SecretStr]:
        """Workspace name -> key; UsageError where there is none, or both ways of giving them are used."""
        if self.api_key and self.api_keys:
            raise UsageError(
                "INSTANTLY_API_KEY and INSTANTLY_API_KEYS are both set. Keep one: the first for a single workspace, "
                'the second, e.g. {"acme": "<key>", "globex": "<key>"}, for several.'
            )
        if self.api_key:
            return {"default": SecretStr(_unquoted(self.api_key.get_secret_value()))}
        if self.api_keys:
            return _parsed_keys(self.api_keys.get_secret_value())
        raise UsageError(
            "No API key is set. Put INSTANTLY_API_KEY=<key> into a file called .env in the project's folder "
            "(Instantly: Settings, Integrations, API keys, scope all:read), or try `make demo`, which needs none."
        )

    def stream_names(self) -> list[str] | None:
        """The streams of INSTANTLY_STREAMS, or None for all."""
        return [name.strip() for name in self.streams.split(",") if name.strip()] if self.streams else None

    def first_day(self, today: date) -> date:
        """The first day of daily figures to ask for: INSTANTLY_START_DATE, or one year back."""
        return self.start_date or today - timedelta(days=365)


def load(**overrides: Any) -> Settings:
    """The settings of this process; UsageError names the variable that is wrong. `overrides` win over everything."""
    given = {name: value for name, value in overrides.items() if value is not None}
    written = _written()
    set_already = {name.upper() for name in os.environ}
    names = [name for name in Settings.model_fields if f"{_PREFIX}{name.upper()}" not in set_already]
    from_file = {name: written[key] for name in names if (key := f"{_PREFIX}{name.upper()}") in written}
    try:
        return Settings(**(from_file | given))
    except ValidationError as error:
        raise UsageError(_explain(error)) from None  # its own text repeats the input, which may be a key


def _env_file() -> Path:
    return Path(os.environ.get("INSTANTLY_ENV_FILE") or PROJECT_ROOT / ".env")


def _written(*, interpolate: bool = False) -> dict[str, str]:
    """What the file sets, by name in capitals; as it stands there: a `$` in a key is a `$`."""
    env_file = _env_file()
    try:
        found = dotenv_values(env_file, encoding="utf-8", interpolate=interpolate) if env_file.is_file() else {}
    except OSError as error:
        raise UsageError(f"{env_file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{env_file} is not UTF-8 text.") from None
    return {name.upper(): value for name, value in found.items() if value is not None}


def leave_to_file() -> None:
    """Take out of this process's environment what a command of Dagster's has put there from `.env`.

    Its commands do so when they start (dagster 1.13, `dagster/_cli/utils.py`), and what they start later would go on
    with the values of then, as if the user's environment had them; `load` reads the file itself, each time. What the
    file and the environment have alike is the file's. Under `dagster dev`, which lets the file win, all that is in the
    file is: the file may be younger than the process.
    """
    if _env_file().resolve() != (Path.cwd() / ".env").resolve():
        return  # Dagster reads no other
    with suppress(UsageError):  # `load` says it when a run begins
        written, as_dagster_reads_it = _written(), _written(interpolate=True)
        for name in [name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() in written]:
            same = os.environ[name] in (written[name.upper()], as_dagster_reads_it[name.upper()])
            if same or "DAGSTER_IS_DEV_CLI" in os.environ:
                del os.environ[name]


def dagster_home() -> Path:
    """DAGSTER_HOME, or `dagster_home/` of the project; a relative path is taken from the project's root.

    The environment wins over `.env` here too. UsageError where that cannot be read.
    """
    return _home(os.environ.get("DAGSTER_HOME") or _written_home())


def other_dagster_home() -> Path | None:
    """The home that `.env` names where the environment names another: `dagster dev` takes that one."""
    written = _written_home()
    return _home(written) if written and _home(written) != dagster_home() else None


def _written_home() -> str | None:
    """What `.env` sets, as Dagster reads it: `${HOME}` in it is what the environment says."""
    return _written(interpolate=True).get("DAGSTER_HOME")


def _home(named: str | None) -> Path:
    return PROJECT_ROOT / Path((named or "").strip() or "dagster_home").expanduser()


def _explain(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"INSTANTLY_{name}: {message}."


def _checked_origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"must be an address such as {DEFAULT_BASE_URL}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address, without user, query or fragment")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("plain http is accepted for this machine only (localhost); use https")
    if parts.path.rstrip("/").removesuffix("/api/v2"):  # not shown: it may be a key put in the wrong place
        raise ValueError("must end after the host and port; paths below /api/v2 are added by the pipeline")
    usual = ":443" if parts.scheme == "https" else ":80"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"


def _unquoted(text: str) -> str:
    """The text without the quotes around it, which some shells and tools leave there."""
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _parsed_keys(text: str) -> dict[str, SecretStr]:
    problem = UsageError(
        'INSTANTLY_API_KEYS must be a JSON object of workspace names and keys, e.g. {"acme": "<key>"}. '
        "Mind the quotes: in .env, put the whole of it between single quotes."
    )
    try:
        found = json.loads(_unquoted(text), object_pairs_hook=tuple)  # a dict would lose a name that comes twice
    except ValueError:
        raise problem from None  # the parser's message would repeat a part of the text
    if not isinstance(found, tuple) or not found:
        raise problem
    if not all(name.strip() and isinstance(key, str) and _unquoted(key) for name, key in found):
        raise problem
    names = [name.strip() for name, _ in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"INSTANTLY_API_KEYS names the workspace {twice!r} twice. Give each its own name.")
    if any("\ud800" <= char <= "\udfff" for name in names for char in name):
        raise UsageError("INSTANTLY_API_KEYS has half a character (\\ud800 to \\udfff) in a name. Spell it anew.")
    return {name.strip(): SecretStr(_unquoted(key)) for name, key in found}
