"""Every error of the pipeline, arranged by what the caller can do about it.

    PipelineError
    |- Fatal                 stop the run
    |  |- UsageError         a wrong command, option or setting          exit code 2
    |  |- LockedError        another command is writing                  exit code 2
    |  |- WrongClock         the machine's clock is not the API's        exit code 2
    |  |- NothingRead        no workspace could be read                  exit code 1
    |  |- UnclearWrite       a change may or may not have been made      exit code 1
    |  |- StorageError       the disk, a file or its format              exit code 1
    |  |- OverdueError       a query took longer than its timeout       exit code 124
    |  |- ModelError         a model or a contract in `sql/` is wrong   exit code 1
    |  `- PublishRefused     a blocking check failed                    exit code 1
    |- WorkspaceError        stop this workspace, continue with the others
    |  |- KeyRejected        401
    |  `- PlanRequired       402
    |- StreamError           skip this stream, continue with the others
    |  |- Forbidden          403 with a JSON body: the key lacks a scope
    |  |- NotFound           404, 410
    |  |- BadRequest         400, 422 and every other 4xx
    |  |- TooLarge           413: request less at once
    |  |- UnreadableFile     a file of the lake is damaged
    |  |- LoopingCursor      a cursor came twice in one scan
    |  `- Exhausted          retriable, retried until the budget was spent
    `- Retriable             another try may succeed
       |- RateLimited        429
       |- ServerFault        500-599
       |- EdgeBlocked        403 from the CDN (1010, or a body that is not JSON)
       |- ConnectionFault    no connection, a reset, a timeout, a truncated body
       `- BadBody            200 with a body that is not the expected JSON

Code decides by type, never by the text of a message. Every message says what failed, with which input, what state is
left and what to type next; none contains a key, an e-mail address or a query string.
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of everything the pipeline raises on purpose; `str()` is a message for the user."""

    exit_code = 1


class Fatal(PipelineError):
    """The run cannot continue."""


class UsageError(Fatal):
    """A wrong command, option or setting; nothing was changed."""

    exit_code = 2


class LockedError(Fatal):
    """Another process holds the data directory; nothing was changed."""

    exit_code = 2


class WrongClock(Fatal):
    """The machine's clock is so wrong that its timestamps would mislead; nothing was written."""

    exit_code = 2


class NothingRead(Fatal):
    """No workspace could be read; what was published before stays."""


class UnclearWrite(Fatal):
    """The answer to a change in Instantly did not come, or made no sense, and looking does not show the change."""


class StorageError(Fatal):
    """The disk is full, a file cannot be read, or its format has another version."""


class OverdueError(Fatal):
    """A query was stopped because it took longer than its timeout; nothing was changed."""

    exit_code = 124  # the exit code of timeout(1)


class ModelError(Fatal):
    """An SQL model or its contract is wrong; nothing was published. The message names the file."""


class PublishRefused(Fatal):
    """A blocking check failed; the last published files are unchanged."""


class WorkspaceError(PipelineError):
    """This workspace cannot be read at all; its stored rows are kept."""


class KeyRejected(WorkspaceError):
    """401: the key is unknown or was revoked."""


class PlanRequired(WorkspaceError):
    """402: the workspace has no active paid plan. A 402 on a single stream only skips that stream."""


class StreamError(PipelineError):
    """This stream cannot be read now; its stored rows are kept."""


class Forbidden(StreamError):
    """403 with a JSON body: the key lacks the scope of this stream."""


class NotFound(StreamError):
    """404 or 410: the record or its parent no longer exists."""


class BadRequest(StreamError):
    """400 or another 4xx: the API rejected the request."""


class TooLarge(StreamError):
    """413: too many accounts in one request; request fewer."""


class UnreadableFile(StreamError):
    """A file of the lake cannot be read; its stream cannot continue until the file is restored or moved away."""


class LoopingCursor(StreamError):
    """A cursor came twice in one scan; continuing would read the same pages forever."""


class Exhausted(StreamError):
    """A request kept failing until its retry budget was spent; `__cause__` is the last error."""


class Retriable(PipelineError):
    """Another try may succeed. `retry_after` is the wait that the server requested, in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Retriable):
    """429."""


class ServerFault(Retriable):
    """500 to 599."""


class EdgeBlocked(Retriable):
    """403 from the CDN: `error code: 1010`, or a body that is not JSON."""


class ConnectionFault(Retriable):
    """No connection, a reset, a timeout or a truncated body."""


class BadBody(Retriable):
    """200 with a body that is not the expected JSON."""


def is_interruption(error: BaseException) -> bool:
    """Whether an error was caused by Ctrl-C or SIGTERM.

    DuckDB 2.0 swallows what a signal handler raises during a query and raises a bare RuntimeError with this text; the
    comparison can go when it no longer does. Interrupted from another thread, it raises an InterruptException, which is
    matched by name because this module does not import DuckDB.
    """
    if type(error) is RuntimeError and str(error) == "Query interrupted":
        return True
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "InterruptException"


def lack_of_memory(error: BaseException) -> StorageError | None:
    """The StorageError for an out-of-memory error of Python, pyarrow or DuckDB; None for any other error.

    The error's notes (`add_note`) say what ran out of memory.
    """
    if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryException":
        return None
    places = ", ".join(getattr(error, "__notes__", ()))
    said = next(iter(str(error).splitlines()), "")
    return StorageError(
        f"Out of memory{f' in {places}' if places else ''}{f' ({said})' if said else ''}. Synced and published data "
        "are unchanged. Free some memory, process less at once (--streams, --limit), or raise INSTANTLY_MEMORY_LIMIT "
        "if DuckDB's limit is too low, and run the same command again."
    )
