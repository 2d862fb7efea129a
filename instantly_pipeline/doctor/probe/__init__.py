"""`doctor --probe`: finds out with a few read requests how the API behaves where its documentation does not say.

`requests` asks, `answers` (by subject) reads the replies, `report` makes the file. Nothing here writes to Instantly or
to the lake, and nothing that identifies a workspace leaves `replies`.
"""
