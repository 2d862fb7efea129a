"""The benchmark: ours, dlt, a bare script and Airbyte's CDK on the same local Instantly API; `make bench` runs it.

`run` is the command, `parts` what is measured, `lineup` who is measured, `contenders/` the scripts themselves; `report`
and `plot` write what `run` measured. The runner uses the standard library alone: a child's peak memory as the kernel
reports it is at least its parent's, so that the parent has to be small.
"""
