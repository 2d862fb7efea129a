"""HTTP to the Instantly API: client, rate control, retry, pagination, redaction. Knows no tables."""
