"""The scripts that are measured, and those that count and draw; each runs in the environment of its contender."""
