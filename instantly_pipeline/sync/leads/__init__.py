"""Reading leads: sweeps in ranges of ids side by side, touches of single campaigns, and what decides between them."""
