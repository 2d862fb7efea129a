"""From the lake to the schemas raw, history and meta."""
