"""The warehouse, over lakes written file by file: load, models, checks, publication."""
