"""Reading leads: sweeps in ranges of ids side by side, scans of single campaigns, and what chooses between them."""
