"""The SQL models of the project, read once a process: Dagster's definitions and every run look at the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from instantly_pipeline.settings import PROJECT_ROOT
from instantly_pipeline.streams.registry import all_streams

if TYPE_CHECKING:
    from instantly_pipeline.warehouse.models.model import Model

SQL_DIR = PROJECT_ROOT / "sql"


@cache
def models_in(sql_dir: Path) -> Mapping[str, Model]:
    """The models by name, each after those it reads."""
    from instantly_pipeline.warehouse.models.catalog import load_models

    return load_models(sql_dir, all_streams())
