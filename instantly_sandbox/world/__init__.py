"""The sandbox's generated data: campaigns, leads, and the events of their outreach. It knows nothing about HTTP.

Everything is a function of (seed, index) and the clock. The event log (`events`) is the single source of truth for
sends, opens, replies and other events; lead counters and all analytics figures are counted from it, so they agree.
"""
