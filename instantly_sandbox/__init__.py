"""A local Instantly API over real HTTP, with a small believable world behind it.

For the demo, the tests and the benchmarks. It stands alone: it imports no other room of this package, and
nothing but the command line starts it. `server` has what callers use (`SandboxConfig`, `serve`, `running`,
`spawned`), `world/` makes the records, the rest answers HTTP the way the live API does (or, with the `seed`
profile, the way an older written description of it says).
"""
