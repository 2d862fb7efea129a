"""HTTP to the Instantly API: client, rate control, retry, pagination, redaction. It knows nothing about tables."""
