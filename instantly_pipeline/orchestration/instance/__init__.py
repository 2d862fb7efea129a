"""Dagster's own storage and processes on this machine; the only place that may use dagster's private names.

Each module that uses some says for which version of dagster, and when it can go;
`tests/orchestration/test_workarounds.py` fails when that has come.
"""
