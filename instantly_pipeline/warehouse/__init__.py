"""The lake as tables: load, history, SQL models, checks and the published DuckDB file.

Belongs here: everything that touches DuckDB. Does not belong here: requests, paging, what a deletion means (`sync`),
and how a record becomes a row (`lake`).
"""
