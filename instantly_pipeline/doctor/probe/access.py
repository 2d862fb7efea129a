"""What headers and refusals show, and the questions that reading cannot answer."""

from __future__ import annotations

from instantly_pipeline.doctor.probe.question import Found, Question, times
from instantly_pipeline.doctor.probe.replies import NotAnswered, Observed


def access_questions(observed: Observed) -> list[Question]:
    """The questions that the responses as such answer."""
    return [
        Question("rate_limit_headers", "Do answers have rate limit headers?",
                 "Nothing: it learns the rate from refusals.", lambda: _limits(observed)),
        Question("headers_of_429", "Which headers does a 429 have?",
                 "Waits as long as `Retry-After` or `X-RateLimit-Reset` says, if they are there.",
                 lambda: _refusals(observed)),
        Question("body_of_403", "What does a 403 for a missing scope look like?",
                 "Tells it from a block by the CDN, whose body is not JSON.", lambda: _forbidden(observed)),
        Question("date_header", "Do answers have a `Date` header?", "Compares the machine's clock with it.",
                 lambda: _dates(observed)),
        *_UNANSWERABLE,
    ]  # fmt: skip


def _limits(observed: Observed) -> Found:
    _check(observed)
    if not observed.limits:
        return Found("no", f"none in {times(observed.responses, 'answer')}")
    return Found("yes", _listed(observed.limits))


def _refusals(observed: Observed) -> Found:
    if not observed.responses_429:
        raise NotAnswered("no request was refused for its rate, and none is sent to provoke that")
    seen = f"in {times(observed.responses_429, 'refusal')}"
    return Found(_listed(observed.limits_of_429) or "none of a rate limit", seen)


def _listed(headers: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(headers.items()))


def _forbidden(observed: Observed) -> Found:
    if not observed.bodies_403:
        raise NotAnswered("the key may read all that was asked for")
    said, fields = next(iter(observed.bodies_403.items()))
    if not fields:
        return Found("not JSON", "from the CDN, not the API")
    return Found(f"JSON with {', '.join(fields)}", f"message: {said or '(none)'}")


def _dates(observed: Observed) -> Found:
    _check(observed)
    return Found("yes" if observed.dated else "no", f"{observed.dated} of {times(observed.responses, 'answer')}")


def _check(observed: Observed) -> None:
    if not observed.responses:
        raise NotAnswered("there was no answer", failed=True)


def _unanswerable(name: str, asks: str, use: str, why: str) -> Question:
    def find() -> Found:
        raise NotAnswered(why)

    return Question(name, asks, use, find)


_UNANSWERABLE = (
    _unanswerable("lag", "How many minutes are figures behind?", "Reads the last days again in each sync.",
                  "takes two looks at the figures of a day, some time apart"),
    _unanswerable("moved_lead", "Does a lead keep its id when it is moved?",
                  "Takes a lead with the same id as moved, one with a new id as deleted and created.",
                  "takes a move, and the probe changes nothing"),
    _unanswerable("as_workspace_budget", "Whose rate limit do requests with `x-as-workspace` use?",
                  "Nothing: it does not send the header.", "takes a burst of requests, which the probe never sends"),
    _unanswerable("library_user_agents", "Are the default User-Agents of libraries blocked?",
                  "Sends its own.", "takes a request that the CDN may hold against this IP address"),
)  # fmt: skip
