"""Tests of the Dagster side: definitions, runs over a sandbox by HTTP, housekeeping."""
