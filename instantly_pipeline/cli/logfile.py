"""The log file for warnings of all libraries, which would disturb the terminal."""

from __future__ import annotations

import logging
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from instantly_pipeline.api.redaction import RedactingFilter
from instantly_pipeline.cli.failures import LOG_NAME
from instantly_pipeline.lake.durable import storing
from instantly_pipeline.lake.permissions import append_to, make_folder, refuse_links


class _PrivateLog(RotatingFileHandler):
    """A log file that only its user can read and that is not opened through a link."""

    def _open(self) -> TextIOWrapper:
        return append_to(Path(self.baseFilename))


def log_to_file(data_dir: Path) -> None:
    """Log warnings to `work/` of the data directory, redacted; StorageError if the folder is a link or not writable."""
    folder = data_dir / "work"
    with storing(folder):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        refuse_links(folder, folder / LOG_NAME)
        make_folder(folder)
    handler = _PrivateLog(folder / LOG_NAME, maxBytes=1_000_000, backupCount=2, delay=True, encoding="utf-8")
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
