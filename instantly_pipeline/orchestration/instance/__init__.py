"""Dagster's own storage and processes on this machine; the only package that may use dagster's private names.

Each module that does names the dagster version and when it can be removed;
`tests/orchestration/test_workarounds.py` fails once it can.
"""
