"""The Dagster entry point: `dagster dev` and the scheduler load this module."""

from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.settings import load, unload_dotenv

unload_dotenv()
defs = build_defs(load)
