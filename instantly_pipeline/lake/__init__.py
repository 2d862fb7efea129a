"""The Parquet change log, system of record: append, index, read. Knows no HTTP and no DuckDB file."""
