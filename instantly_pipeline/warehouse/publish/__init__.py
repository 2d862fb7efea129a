"""Putting a new published file and its Parquet files in place of the old ones."""
