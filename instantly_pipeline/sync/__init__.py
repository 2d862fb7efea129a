"""The engine: streams x API -> lake. Sweeps, windows, checkpoints. Knows no DuckDB and no Dagster."""
