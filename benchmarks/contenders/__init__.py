"""The scripts that are measured, each runs in the environment of its contender."""
