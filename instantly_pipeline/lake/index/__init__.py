"""The last version of every key of a stream, a cache of the change log: sorted files that are mapped into memory."""
