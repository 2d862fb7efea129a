"""Dagster: assets, checks, schedules and the way a run is started. The only room that imports dagster.

It adapts and decides nothing: what a sync does is in `sync`, what the tables are is in `warehouse`. `definitions` puts
the assets together, `run` is what the command line calls.
"""
