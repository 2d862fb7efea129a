"""The benchmark: what is wanted of ours and what was measured; ours, dlt, a bare script and Airbyte's CDK; `make bench`.

`run` is the command, `parts` what is measured, `lineup` who is measured, `contenders/` the scripts themselves, `targets`
what is wanted; `report` writes what `run` measured.
"""
