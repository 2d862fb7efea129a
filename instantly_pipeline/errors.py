"""Every error of the pipeline, arranged by what the caller can do about it.

    PipelineError
    |- Fatal                 stop the whole run
    |  |- UsageError         a wrong command, option or setting          exit code 2
    |  |- LockedError        another command is writing                  exit code 2
    |  |- WrongClock         the machine's clock is not the API's        exit code 2
    |  |- NothingRead        no workspace could be read                  exit code 1
    |  |- StorageError       the disk, a file or its format              exit code 1
    |  |- OverdueError       a query took longer than it may            exit code 124
    |  |- ModelError         a model or a contract in `sql/` is wrong   exit code 1
    |  `- PublishRefused     a blocking check failed                    exit code 1
    |- WorkspaceError        stop this workspace, go on with the others
    |  |- KeyRejected        401
    |  `- PlanRequired       402
    |- StreamError           skip this stream, go on with the others
    |  |- Forbidden          403 with a JSON body: the key lacks a scope
    |  |- NotFound           404, 410
    |  |- BadRequest         400, 422 and every other 4xx
    |  |- TooLarge           413: ask for less
    |  |- UnreadableFile     a file of the lake is damaged
    |  |- LoopingCursor      a cursor came twice in one scan
    |  `- Exhausted          retriable, tried until the budget was spent
    `- Retriable             worth another try
       |- RateLimited        429
       |- ServerFault        500-599
       |- EdgeBlocked        403 from the CDN in front (1010, or a body that is not JSON)
       |- ConnectionFault    no connection, a reset, a timeout, a truncated body
       `- BadBody            200 with a body that is not the JSON expected

Decisions are taken by type, never by reading a message. Every message says what failed, with which input, what state
is left and what to type next; none contains a key, an e-mail address or a query string.
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of everything the pipeline raises on purpose; `str()` is fit for the user to read."""

    exit_code = 1


class Fatal(PipelineError):
    """Nothing further can be done in this run."""


class UsageError(Fatal):
    """A wrong command, option or setting; nothing was changed."""

    exit_code = 2


class LockedError(Fatal):
    """Another process holds the data directory; nothing was changed."""

    exit_code = 2


class WrongClock(Fatal):
    """The machine's clock is so wrong that what it dates would mislead; nothing was written."""

    exit_code = 2


class NothingRead(Fatal):
    """No workspace could be read; what was published before stays."""


class StorageError(Fatal):
    """The disk is full, a file cannot be read, or its format is of another version."""


class OverdueError(Fatal):
    """A query was stopped since it took longer than it was given; nothing was changed."""

    exit_code = 124  # as of timeout(1)


class ModelError(Fatal):
    """An SQL model or its contract is wrong: nothing was published; the message names the file."""


class PublishRefused(Fatal):
    """A blocking check failed; the last published files stay."""


class WorkspaceError(PipelineError):
    """This workspace cannot be read at all; its old rows stay."""


class KeyRejected(WorkspaceError):
    """401: the key is unknown or was revoked."""


class PlanRequired(WorkspaceError):
    """402: the workspace has no active paid plan. On a single stream it only skips that stream."""


class StreamError(PipelineError):
    """This stream cannot be read now; its old rows stay."""


class Forbidden(StreamError):
    """403 with a JSON body: the key lacks the scope of this stream."""


class NotFound(StreamError):
    """404 or 410: the record, or the parent of what was asked for, is gone."""


class BadRequest(StreamError):
    """400 or another 4xx: the API does not take the request as it was put."""


class TooLarge(StreamError):
    """413: too many accounts in one question; ask for fewer."""


class UnreadableFile(StreamError):
    """A file of the lake cannot be read: its stream cannot go on before it is restored or moved away."""


class LoopingCursor(StreamError):
    """A cursor came twice in one scan: going on would read the same pages for ever."""


class Exhausted(StreamError):
    """A retriable failure did not pass within the budget of one request; `__cause__` is the last one."""


class Retriable(PipelineError):
    """Another try may succeed. `retry_after` is the server's own wish in seconds, if it sent one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Retriable):
    """429."""


class ServerFault(Retriable):
    """500 to 599."""


class EdgeBlocked(Retriable):
    """403 from the CDN in front of the API: `error code: 1010`, or a body that is not JSON."""


class ConnectionFault(Retriable):
    """No connection, a reset, a timeout or a truncated body."""


class BadBody(Retriable):
    """An answer of 200 whose body is not the JSON that was expected."""


def is_interruption(error: BaseException) -> bool:
    """Whether Ctrl-C or SIGTERM is behind an error.

    DuckDB 2.0 swallows what a signal handler raises while a query runs, and raises a bare RuntimeError with this text;
    the comparison can go when it no longer does. Where it was interrupted from another thread, it has an error of its
    own, which is known by its name here: this room does not load DuckDB.
    """
    if type(error) is RuntimeError and str(error) == "Query interrupted":
        return True
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "InterruptException"


def lack_of_memory(error: BaseException) -> StorageError | None:
    """The words for an error that means that memory did not suffice, also pyarrow's and DuckDB's; None for others.

    The notes of the error say for what.
    """
    if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryException":
        return None
    places = ", ".join(getattr(error, "__notes__", ()))
    said = next(iter(str(error).splitlines()), "")
    return StorageError(
        f"Memory did not suffice{f' for {places}' if places else ''}{f' ({said})' if said else ''}. What was synced "
        "and published is as it was. Free some memory, ask for less at once (--streams, --limit), or raise "
        "INSTANTLY_MEMORY_LIMIT where DuckDB's part of it is too small, and run the same command again."
    )
