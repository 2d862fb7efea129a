"""Tests of what a run is, without Dagster."""
