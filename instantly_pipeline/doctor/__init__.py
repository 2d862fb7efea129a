"""Whether a sync would work: keys, streams and the disk, asked without writing anything."""
