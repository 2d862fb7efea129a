"""The benchmark, `make bench`: what is wanted and what was measured of ours, dlt, a bare script and Airbyte's CDK.

`run` is the command, `parts` what is measured, `lineup` who is measured, `contenders/` the scripts themselves,
`targets` what is wanted; `report` writes what `run` measured.
"""
