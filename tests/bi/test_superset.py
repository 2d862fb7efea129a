"""The dashboard for Superset names only columns that are published."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from instantly_pipeline.settings import PROJECT_ROOT

SCHEMA = Path(__file__).parents[1] / "warehouse" / "published_schema.txt"
DATASETS = sorted((PROJECT_ROOT / "docs/bi/superset-dashboard/datasets/instantly").glob("*.yaml"))


def published() -> dict[str, set[str]]:
    """The columns of every published table."""
    found: dict[str, set[str]] = {}
    table = ""
    for line in SCHEMA.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            found[table].add(line.split()[0])
        else:
            table = line
            found[table] = set()
    return found


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_every_column_of_a_dataset_is_published(path: Path) -> None:
    dataset = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = {column["column_name"] for column in dataset["columns"]}
    assert dataset["schema"] == "warehouse.marts"
    assert len(columns) > 5
    assert columns - published()[f"marts.{dataset['table_name']}"] == set()


def test_the_dashboard_bears_no_path_of_the_machine_it_was_made_on() -> None:
    database = (DATASETS[0].parents[2] / "databases/instantly.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(database)["sqlalchemy_uri"] == "duckdb:////path/to/data/publish/warehouse.duckdb"
