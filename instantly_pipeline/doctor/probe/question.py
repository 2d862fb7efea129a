"""A question about the API, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from instantly_pipeline.doctor.probe.replies import NotAnswered


class State(StrEnum):
    """Whether a question was answered."""

    ANSWERED = "answered"
    NOT_HERE = "not here"  # the workspace lacks what it takes, or reading cannot tell
    FAILED = "failed"  # a request got no answer


@dataclass(frozen=True, slots=True)
class Found:
    """What the replies show: one of a question's few answers, and how that was seen."""

    answer: str
    how: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `name` is its key in the file, `use` what the pipeline does with the answer.

    `find` reads the replies; NotAnswered if they do not show it.
    """

    name: str
    asks: str
    use: str
    find: Callable[[], Found]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the report. Without an answer, `how` says why."""

    question: str
    asks: str
    state: State
    answer: str | None
    how: str
    use: str


def answer_all(questions: Iterable[Question]) -> list[Answer]:
    """The answers, in order."""
    return [_answer(question) for question in questions]


def _answer(question: Question) -> Answer:
    try:
        found = question.find()
    except NotAnswered as none:
        state = State.FAILED if none.failed else State.NOT_HERE
        return Answer(question.name, question.asks, state, None, none.why, question.use)
    return Answer(question.name, question.asks, State.ANSWERED, found.answer, found.how, question.use)


def times(count: int, one: str) -> str:
    """A count with its noun: 1 lead, 2 leads."""
    return f"{count:,} {one}" + ("" if count == 1 else "s")
