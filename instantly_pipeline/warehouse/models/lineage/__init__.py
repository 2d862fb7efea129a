"""What a SELECT reads: its tables, their columns, and the columns that each of its own is computed from."""
