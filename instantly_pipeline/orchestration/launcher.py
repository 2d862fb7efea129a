"""The launcher's place in the `dagster.yaml` of version 0.1.0, of which a user's own DAGSTER_HOME may hold a copy.

Goes with version 0.4.0; until then nobody has to change that copy.
"""

from instantly_pipeline.orchestration.instance.launcher import LocalRunLauncher

__all__ = ["LocalRunLauncher"]
