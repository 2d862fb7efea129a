"""The Dagster entry point: `dagster dev` and the scheduler load this module."""

from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.settings import leave_to_file, load

leave_to_file()
defs = build_defs(load)
