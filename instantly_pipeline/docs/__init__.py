"""The generated documents: sources, data dictionary, worked queries."""
