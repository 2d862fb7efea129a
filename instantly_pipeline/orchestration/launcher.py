"""The module of the launcher in the `dagster.yaml` of version 0.1.0, which a user may have copied.

To be removed in version 0.4.0; until then such a copy works unchanged.
"""

from instantly_pipeline.orchestration.instance.launcher import LocalRunLauncher

__all__ = ["LocalRunLauncher"]
