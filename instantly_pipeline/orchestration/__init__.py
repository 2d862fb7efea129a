"""Dagster: assets, checks, schedules and jobs. The only package that imports dagster.

It decides nothing: the steps of a run and the limits for late streams are in `run`. Here the results of a run become
materializations, checks and log lines, and its errors are sanitized. `definitions` combines the assets, the command
line calls `sync_job`, and `instance` makes Dagster's own storage fast and safe.
"""
