"""A receiver that the tests of a file share: each sends events of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receiver.served import Served, served


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A receiver that requires the secret."""
    with served(tmp_path_factory.mktemp("receiver") / "data") as found:
        yield found
