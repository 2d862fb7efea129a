"""Reading the published file: queries, status, exports."""
