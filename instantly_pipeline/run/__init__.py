"""What a run is: its steps and their order, its lock, its log. Everything that runs the pipeline calls it.

`run` has the steps, `rebuild` the runs that read no API, `results` what comes of a run, `freshness` what counts as
late. Nothing here knows who shows a run: Dagster's assets and the commands do, from its results and events.
"""
