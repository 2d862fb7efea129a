"""Where the warnings of all libraries go instead of the terminal."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from instantly_pipeline.api.redaction import RedactingFilter
from instantly_pipeline.cli.failures import LOG_NAME
from instantly_pipeline.lake.layout import storing


def log_to_file(data_dir: Path) -> None:
    """Log warnings to a file beside the data, redacted; StorageError where its folder cannot be made."""
    folder = data_dir / "work"
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(folder / LOG_NAME, maxBytes=1_000_000, backupCount=2, delay=True, encoding="utf-8")
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
