"""DuckDB's part of a sync, step by step: load, models, checks, publication of the data directory in the environment.

Prints a JSON object: seconds by step, what all of it took of the processor, and how many models were made.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import PROJECT_ROOT, load
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.models.catalog import load_models
from instantly_pipeline.warehouse.warehouse import Warehouse


def main() -> None:
    """Each step once."""
    settings, sql_dir = load(), PROJECT_ROOT / "sql"
    models = load_models(sql_dir, all_streams())
    steps: dict[str, float] = {}
    cpu = time.process_time()
    with (
        writing(settings.data_dir, command="rebuild"),
        Warehouse(Layout(settings.data_dir), all_streams(), sql_dir=sql_dir, models=models) as warehouse,
    ):
        with timed(steps, "load"):
            warehouse.load()
        with timed(steps, "models"):
            results = warehouse.run_models()
        with timed(steps, "checks"):
            warehouse.run_checks()
        with timed(steps, "publish"):
            warehouse.publish(run_id="bench", now=datetime.now(UTC))
    made = sum(one.made for one in results.values())
    print(json.dumps(steps | {"tables_cpu": time.process_time() - cpu, "made": made, "of": len(models)}))


@contextmanager
def timed(steps: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of a step."""
    began = time.perf_counter()
    yield
    steps[name] = time.perf_counter() - began


if __name__ == "__main__":
    main()
