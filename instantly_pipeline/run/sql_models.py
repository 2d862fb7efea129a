"""The SQL models of the project, parsed once per process, for Dagster's definitions and every run."""

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
    """The models by name, in dependency order."""
    from instantly_pipeline.warehouse.models.catalog import load_models

    return load_models(sql_dir, all_streams())
