"""A faithful, always-queryable copy of Instantly.ai workspaces in Parquet and DuckDB."""

__version__ = "0.2.0"
