"""A local Instantly API over real HTTP, with a small, realistic world of generated data.

For the demo, the tests and the benchmarks. It does not import `instantly_pipeline`. `server` is for callers
(`SandboxConfig`, `serve`, `running`, `spawned`), `world/` generates the records, and the rest answers HTTP like the
live API (or, with the `seed` profile, like an older description of it).
"""
