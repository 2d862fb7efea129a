"""The last version of every key of a stream, a cache of the change log: sorted files, read by range of keys."""
