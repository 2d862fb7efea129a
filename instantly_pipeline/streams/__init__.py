"""What to sync: one typed declaration per stream. Data only, no I/O; the engine in `sync` interprets it."""
