"""The SQL models: their contracts, what they read, and how they are built."""
