"""The HTTP client, over real HTTP on loopback against a server that plays a script."""
