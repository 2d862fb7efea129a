"""The sandbox's world: who writes to whom, when, and what comes of it. Knows nothing of HTTP.

Everything is a function of (seed, index) and the clock. The event log (`events`) is the one source of truth about
sends, opens, replies and the rest; lead counters and every analytics figure are counted from it, so they agree.
"""
