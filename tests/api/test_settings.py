"""Settings as people write them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dotenv import dotenv_values

from instantly_pipeline.errors import UsageError
from instantly_pipeline.settings import PROJECT_ROOT, Settings, dagster_home, load, other_dagster_home, unload_dotenv

Found = Callable[[Settings], str | None]


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only source of settings in these tests."""
    for name in ("API_KEY", "API_KEYS", "BASE_URL", "DATA_DIR", "STREAMS"):
        monkeypatch.delenv(f"INSTANTLY_{name}", raising=False)
    monkeypatch.setenv("INSTANTLY_ENV_FILE", str(tmp_path / "env"))
    return tmp_path / "env"


def keys(**given: str) -> dict[str, str]:
    return {name: key.get_secret_value() for name, key in load(**given).keys().items()}


@pytest.mark.parametrize("text", ['{"a":"k1","a":"k2"}', '{"a":"k1","a ":"k2"}'])
def test_one_name_for_two_keys_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="'a' twice"):
        keys(api_keys=text)


def test_half_a_character_in_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="lone surrogate"):
        keys(api_keys='{"a\\ud800": "k"}')


@pytest.mark.parametrize(
    "text", ["[]", "{}", "[[]]", '{"a":1}', '{"a":{"b":"c"}}', '{"a":"\'\'"}', "SECRET", '{"":"k"}']
)
def test_keys_that_are_no_object_of_names_and_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError, match="JSON object") as caught:
        keys(api_keys=text)
    assert "SECRET" not in str(caught.value)


def test_quotes_left_around_keys_are_no_part_of_them() -> None:
    assert keys(api_key='"abc"') == {"default": "abc"}
    assert keys(api_keys="'{\"a\": \"'k'\"}'") == {"a": "k"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://API.example:443/", "https://api.example"),
        ("https://api.example", "https://api.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://api.example:8443/api/v2", "https://api.example:8443"),
    ],
)
def test_an_address_is_the_same_with_and_without_the_usual_port(written: str, meant: str) -> None:
    assert load(base_url=written).base_url == meant


def test_the_path_of_a_wrong_address_is_not_shown() -> None:
    with pytest.raises(UsageError, match="INSTANTLY_BASE_URL") as caught:
        load(base_url="https://api.example/KEYINPATH")
    assert "KEYINPATH" not in str(caught.value)


def test_a_key_in_the_env_file_is_taken_as_it_stands_and_the_environment_wins(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text("instantly_api_key=ab$c${HOME}d==\nexport INSTANTLY_STREAMS='leads'\nINSTANTLY_BASE_URL\n")
    assert keys() == {"default": "ab$c${HOME}d=="}
    assert load().stream_names() == ["leads"]
    monkeypatch.setenv("INSTANTLY_API_KEY", "other")
    assert keys() == {"default": "other"}
    assert keys(api_key="given") == {"default": "given"}


@pytest.fixture
def dagster_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `.env` of a folder in which a command of Dagster's was started; it puts that file before the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTANTLY_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.delenv("DAGSTER_IS_DEV_CLI", raising=False)
    return tmp_path / ".env"


CHANGED = [
    ("API_KEY", "old", "new", lambda at: at.keys()["default"].get_secret_value()),
    ("STREAMS", "leads", "campaigns", lambda at: at.streams),
    ("LOOKBACK_DAYS", "7", "30", lambda at: str(at.lookback_days)),
    ("DATA_DIR", "/one", "/two", lambda at: str(at.data_dir)),
    ("MAX_REQUESTS_PER_MINUTE", "10", "20", lambda at: str(at.max_requests_per_minute)),
    ("START_DATE", "2025-01-01", "2025-02-02", lambda at: str(at.start_date)),
    ("PUBLISH_MODE", "0440", "0444", lambda at: f"{at.publish_mode:04o}"),
    ("API_KEY", "old${HOME}", "new${HOME}", lambda at: at.keys()["default"].get_secret_value()),
]


@pytest.mark.parametrize(("name", "old", "new", "found"), CHANGED)
def test_what_dagster_took_from_the_file_at_its_start_does_not_outlive_a_change_of_the_file(
    dagster_here: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str, found: Found
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    dagster_here.write_text(f"INSTANTLY_{name}={old}\n")
    monkeypatch.setenv(f"INSTANTLY_{name}", str(dotenv_values(dagster_here)[f"INSTANTLY_{name}"]))
    unload_dotenv()
    dagster_here.write_text(f"INSTANTLY_{name}={new}\n")
    assert found(load()) == new


def test_a_name_written_small_in_the_file_is_no_other(dagster_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dagster_here.write_text("instantly_api_key=old\n")
    monkeypatch.setenv("instantly_api_key", "old")
    unload_dotenv()
    dagster_here.write_text("instantly_api_key=new\n")
    assert keys() == {"default": "new"}


def test_a_setting_taken_out_of_the_file_is_gone(dagster_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dagster_here.write_text("INSTANTLY_STREAMS=leads\n")
    monkeypatch.setenv("INSTANTLY_STREAMS", "leads")
    unload_dotenv()
    dagster_here.write_text("")
    assert load().streams is None


def test_the_users_own_environment_still_wins_over_the_file(
    dagster_here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster_here.write_text("INSTANTLY_API_KEY=file\n")
    monkeypatch.setenv("INSTANTLY_API_KEY", "environment")
    monkeypatch.setenv("INSTANTLY_STREAMS", "leads")
    unload_dotenv()
    assert keys() == {"default": "environment"}
    assert load().streams == "leads"


def test_under_dagster_dev_a_file_that_was_changed_before_the_definitions_are_loaded_is_what_counts(
    dagster_here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster_here.write_text("INSTANTLY_API_KEY=new\n")
    monkeypatch.setenv("INSTANTLY_API_KEY", "old")
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    unload_dotenv()
    assert keys() == {"default": "new"}


def test_a_file_that_dagster_does_not_read_takes_nothing_out_of_the_environment(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text("INSTANTLY_STREAMS=leads\n")
    monkeypatch.setenv("INSTANTLY_STREAMS", "leads")
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    unload_dotenv()
    assert os.environ["INSTANTLY_STREAMS"] == "leads"


def test_a_file_that_cannot_be_read_is_reported_when_a_run_begins(dagster_here: Path) -> None:
    dagster_here.write_bytes(b"\xff")
    unload_dotenv()
    with pytest.raises(UsageError, match="not UTF-8"):
        load()


@pytest.mark.parametrize(
    ("written", "home"),
    [("/srv/dagster", Path("/srv/dagster")), ("records", PROJECT_ROOT / "records"), ("", PROJECT_ROOT / "dagster_home"),
     ("~/records", Path("/home/me/records")), ("${HOME}/records", Path("/home/me/records"))],
)  # fmt: skip
def test_the_file_may_name_dagsters_home(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, written: str, home: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    env_file.write_text(f"DAGSTER_HOME={written}\n")
    assert dagster_home() == home
    assert other_dagster_home() is None


def test_two_homes_of_dagsters_are_both_known_and_the_environments_is_taken(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/srv/one")
    env_file.write_text("DAGSTER_HOME=/srv/two\n")
    assert (dagster_home(), other_dagster_home()) == (Path("/srv/one"), Path("/srv/two"))


@pytest.mark.parametrize(
    ("written", "mode"), [("0440", 0o440), ("440", 0o440), ("0444", 0o444), ("0400", 0o400), ("", 0o440)]
)
def test_the_mode_of_published_files_is_read_as_it_is_written(env_file: Path, written: str, mode: int) -> None:
    env_file.write_text(f"INSTANTLY_PUBLISH_MODE={written}\n")
    assert load().publish_mode == mode


@pytest.mark.parametrize("written", ["0640", "0777", "rw", "0004", "288", "0404"])
def test_a_mode_of_published_files_lets_nobody_write(env_file: Path, written: str) -> None:
    env_file.write_text(f"INSTANTLY_PUBLISH_MODE={written}\n")
    with pytest.raises(UsageError, match=r"INSTANTLY_PUBLISH_MODE: must be 0400 .* 0440 .* 0444"):
        load()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("base_url", "ftp://api.example", "must be an address"),
        ("base_url", "https://user@api.example", "without user, query or fragment"),
        ("base_url", "http://api.example", "plain http is allowed for this machine"),
        ("base_url", "https://api.example/v3", "must end after the host and port"),
        ("pii", "hash", "not available yet"),
        ("pii", "hide", "must be keep"),
        ("storage_version", "2", "must be a DuckDB version"),
        ("memory_limit", "much", "must be an amount"),
        ("publish_mode", "0666", "0444"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(variable: str, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"INSTANTLY_{variable.upper()}: .*{message}"):
        load(**{variable: value})
