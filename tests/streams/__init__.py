"""The declarations of the streams."""
