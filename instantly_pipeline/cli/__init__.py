"""The command line: reads options, shows progress, explains errors. It has no logic of its own.

`main` holds the commands and imports nothing heavy, so that `--help` is there at once; each command imports what it
needs when it runs.
"""
