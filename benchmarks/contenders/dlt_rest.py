"""dlt: its rest_api source for leads, its Parquet loader, its filesystem destination on the local disk.

Nested objects stay JSON instead of becoming child tables, which is faster and loses nothing. The list is one chain of
cursors, so that its extraction cannot be parallel; with `--workers 2` the normalizing is, on files of 20,000 rows. A
second run reads everything again: the list has no field that says what changed.
"""

import argparse
import os
from pathlib import Path

import dlt
from dlt.destinations import filesystem
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Parse, build the source, run the pipeline."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, help="stop after so many")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    if given.workers > 1:
        os.environ["NORMALIZE__WORKERS"] = str(given.workers)
        os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = "20000"
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{given.url}/api/v2/",
                "auth": {"type": "bearer", "token": given.key},
                "headers": {"User-Agent": "dlt-bench/1"},
                "paginator": JSONResponseCursorPaginator(
                    cursor_path="next_starting_after", cursor_body_path="starting_after"
                ),
            },
            "resources": [
                {
                    "name": "leads",
                    "primary_key": "id",
                    "write_disposition": "replace",
                    "endpoint": {
                        "path": "leads/list",
                        "method": "POST",
                        "json": {"limit": 100},
                        "data_selector": "items",
                    },
                }
            ],
        },
        max_table_nesting=0,
    )
    if given.pages:
        source.add_limit(given.pages)
    pipeline = dlt.pipeline(
        pipeline_name="instantly_bench",
        pipelines_dir=str(given.out / "work"),
        destination=filesystem(bucket_url=(given.out / "lake").resolve().as_uri()),
        dataset_name="instantly",
    )
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    main()
