"""Dagster: assets, checks, schedules and the way a run is started. The only room that imports dagster.

It adapts and decides nothing: what a run is and what counts as late is in `run`. Here its results become
materializations, checks and log lines, and its errors what may be shown. `definitions` puts the assets together,
`sync_job` is what the command line calls, `instance` makes Dagster's own storage fast and safe.
"""
