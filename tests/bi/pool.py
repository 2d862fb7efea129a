"""Run with SQLAlchemy: asks as a BI tool does, before and after the file is replaced.

Arguments: the file, its successor. Prints what each kind of pool answers: at first, in a connection still open, in a
new one, and after all were closed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import copyfile

from sqlalchemy import NullPool, QueuePool, create_engine, text


def main(file: Path, successor: Path) -> None:
    """As in the module's docstring."""
    first = file.read_bytes()
    for pool in (NullPool, QueuePool):
        engine = create_engine(
            f"duckdb:///{file}",
            connect_args={"read_only": True, "config": {"enable_external_access": "false"}},
            poolclass=pool,
        )
        question = text("select count(*) from marts.m")
        with engine.connect() as held:
            answers = [held.execute(question).scalar()]
            copyfile(successor, beside := file.with_suffix(".tmp"))
            beside.replace(file)
            answers.append(held.execute(question).scalar())
        with engine.connect() as new:
            answers.append(new.execute(question).scalar())
        engine.dispose()
        with engine.connect() as new:
            answers.append(new.execute(question).scalar())
        engine.dispose()
        print(pool.__name__, *answers)
        beside.write_bytes(first)
        beside.replace(file)


main(Path(sys.argv[1]), Path(sys.argv[2]))
