"""Dagster's own storage and processes on this machine; the only place that may use dagster's private names."""
