"""The assets and their checks: the steps of a run as Dagster shows them."""
