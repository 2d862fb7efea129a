"""A run: its steps and their order, its lock, its log. Everything that runs the pipeline calls this package.

`run` has the steps, `rebuild` the runs that do not read the API, `results` the results of a run, `freshness` the limits
for late streams. Nothing here displays a run: Dagster's assets and the commands do, from its results and events.
"""
