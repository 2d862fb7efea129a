"""The build file and what every floor above needs of DuckDB: SQL text, parallel statements, fingerprints."""
