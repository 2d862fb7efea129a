"""Settings as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from instantly_pipeline.errors import UsageError
from instantly_pipeline.settings import load


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
    with pytest.raises(UsageError, match="half a character"):
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
