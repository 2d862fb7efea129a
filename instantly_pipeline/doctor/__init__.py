"""Checks whether a sync would work: keys, streams and the disk. Writes nothing."""
