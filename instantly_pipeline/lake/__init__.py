"""The Parquet change log, system of record: append, index, compact, read. Knows no HTTP and no DuckDB file."""
