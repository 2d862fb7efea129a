"""The command line: reads options, shows progress, prints errors. It has no logic of its own.

`main` defines the commands and imports nothing heavy, so that `--help` is fast; each command imports what it needs when
it runs.
"""
