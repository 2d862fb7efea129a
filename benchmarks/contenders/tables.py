"""DuckDB's part of a sync: load, models, checks, publication of the data directory in the environment.

Prints a JSON object: seconds by step, what all of it took of the processor, and how many models were made.
"""

import json
import time

from instantly_pipeline.run.results import ModelsBuilt
from instantly_pipeline.run.run import Run
from instantly_pipeline.run.sql_models import SQL_DIR, models_in
from instantly_pipeline.settings import load


def main() -> None:
    """Each step once."""
    models = models_in(SQL_DIR)  # a sync has them before its first step
    cpu = time.process_time()
    with Run(load()) as run:
        run.lock()
        built = [done.models for done in run.build_steps() if isinstance(done, ModelsBuilt)]
        run.publish()
    made = sum(one.rebuilt for results in built for one in results.values())
    cpu = time.process_time() - cpu
    print(json.dumps(run.report.seconds | {"tables_cpu": cpu, "made": made, "of": len(models)}))


if __name__ == "__main__":
    main()
