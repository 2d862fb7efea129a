"""From an API record to a typed row: canonical form, hash, aliases, secrets, types. Knows no files."""
