"""The control law against servers whose limit it does not know, in simulated time."""

from __future__ import annotations

from statistics import mean

import pytest

from instantly_pipeline.api.pace import Pace

from .simulated import KINDS, OTHERS, VENDOR, Log, Server, limits, play, resize

pytestmark = pytest.mark.whole

LEARNED = 300.0  # seconds after which it has to know
TEN_MINUTES = 600.0
USED, REFUSED, REFUSED_AT_FIRST = 0.90, 0.01, 0.03

SLOW = pytest.mark.slow
CASES = [
    pytest.param(limit, kind, latency, marks=() if kept else SLOW, id=f"{name}-{kind}-{latency[0]}-{latency[1]}")
    for name, limit in [("100", [(100, 60.0)]), ("600", [(600, 60.0)]), ("vendor", VENDOR), ("20", [(20, 60.0)])]
    for kind in KINDS
    for latency in [(0.3, 0.5), (0.05, 0.06), (0.05, 2.0)]
    for kept in [name == "100" or (latency == (0.3, 0.5) and (name != "vendor" or kind == "sliding"))]
]


def used(log: Log, allowed: float, start: float = LEARNED) -> float:
    return log.between(start, start + TEN_MINUTES)[0] / allowed


@pytest.mark.parametrize(("limit", "kind", "latency"), CASES)
def test_it_finds_and_keeps_to_a_limit_it_was_not_given(
    limit: list[tuple[int, float]], kind: str, latency: tuple[float, float]
) -> None:
    log = play(Pace(0.0), Server(limits(kind, *limit)), LEARNED + TEN_MINUTES, latency=latency)
    possible = 64 / (sum(latency) / 2 + 0.02)  # requests a second, with 64 under way
    allowed = min(most * TEN_MINUTES / seconds for most, seconds in [*limit, (possible, 1.0)])
    refused = log.between(LEARNED, LEARNED + TEN_MINUTES)[1]
    assert used(log, allowed) >= USED
    # at 20 a minute there are 200 requests, and a search for more costs two or three
    assert refused <= max(3 if kind == "bucket" else 2, REFUSED * allowed)
    first = log.between(0, TEN_MINUTES)
    assert first[1] <= max(7, REFUSED_AT_FIRST * sum(first))


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("most", [100, pytest.param(600, marks=SLOW)])
def test_servers_that_count_otherwise_are_used_as_well(kind: str, most: int) -> None:
    log = play(Pace(0.0), Server(limits(kind, (most, 60.0))), LEARNED + TEN_MINUTES)
    # where every search costs a minute of silence, one in ten minutes is the most
    assert used(log, most * 10) >= (0.75 if kind.startswith("punishing") else USED)
    assert log.refused(LEARNED, LEARNED + TEN_MINUTES) <= REFUSED
    assert log.refused(0, TEN_MINUTES) <= REFUSED_AT_FIRST


def test_what_is_to_be_remembered_is_how_far_the_rate_came_back() -> None:
    sustained = []
    for seed in range(1, 5):
        pace = Pace(0.0)
        play(pace, Server(limits("sliding", *VENDOR)), 60, seed=seed)
        assert pace.limit is not None
        assert pace.sustained is not None
        assert pace.limit < pace.sustained < 100  # the first minute saw less, its beginning included
        sustained.append(pace.sustained)
    assert mean(sustained) > 80


def test_a_rate_that_was_held_for_a_minute_is_no_guess() -> None:
    def never_again(server: Server, now: float) -> None:
        server.limits[0].most = 100 if now < 20 else 10_000

    for seconds in (50, 90):
        pace = Pace(0.0)
        play(pace, Server(limits("sliding", (100, 1.0)), change=never_again), seconds)
        assert pace.limit is not None
        assert pace.is_guess == (seconds == 50)


def test_a_remembered_rate_is_used_within_seconds() -> None:
    pace = Pace(0.0)
    pace.begin_at(95.0, 0.0, careful=False)
    log = play(pace, Server(limits("sliding", *VENDOR)), 60)
    assert log.between(0, 10)[0] >= 0.6 * 10 * 95
    assert log.between(10, 60)[0] >= USED * 50 * 95
    assert log.refused(0, 60) <= REFUSED


@pytest.mark.parametrize("kind", KINDS)
def test_a_remembered_rate_that_is_ten_times_too_high_falls_at_once(kind: str) -> None:
    pace = Pace(0.0)
    pace.begin_at(100.0, 0.0, careful=False)
    log = play(pace, Server(limits(kind, (600, 60.0))), TEN_MINUTES)
    assert log.between(0, TEN_MINUTES)[0] >= USED * 6000
    assert log.refused(0, TEN_MINUTES) <= REFUSED_AT_FIRST


def test_a_remembered_rate_that_is_far_too_low_is_left_within_minutes() -> None:
    pace = Pace(0.0)
    pace.begin_at(100 / 60, 0.0, careful=False)
    log = play(pace, Server(limits("sliding", *VENDOR)), 300)
    assert log.between(240, 300)[0] >= USED * 6000
    assert log.refused(0, 300) <= REFUSED


def test_the_first_second_at_the_vendors_limit_costs_no_refusal() -> None:
    for latency in [(0.05, 0.06), (0.3, 0.5)]:
        log = play(Pace(0.0), Server(limits("fixed", *VENDOR)), 30, latency=latency)
        assert log.between(0, 1)[1] == 0
        assert log.refused(0, 30) < REFUSED_AT_FIRST


def test_a_limit_that_falls_to_a_tenth_is_kept_within_two_minutes() -> None:
    def fall(server: Server, now: float) -> None:
        if now >= LEARNED:
            resize(server, 600)

    for kind in KINDS:
        logs = [
            play(Pace(0.0), Server(limits(kind, *VENDOR), change=fall), LEARNED + TEN_MINUTES, seed=seed)
            for seed in range(1, 5)
        ]
        assert max(log.refused(LEARNED + 120, LEARNED + TEN_MINUTES) for log in logs) <= REFUSED
        assert mean(log.between(LEARNED + 120, LEARNED + TEN_MINUTES)[0] for log in logs) >= USED * 600 * 8


def test_a_limit_that_rises_tenfold_is_used_again_within_minutes() -> None:
    def rise(server: Server, now: float) -> None:
        resize(server, 600 if now < LEARNED else 6000)

    log = play(Pace(0.0), Server(limits("sliding", *VENDOR), change=rise), LEARNED + 240)
    assert log.between(LEARNED + 180, LEARNED + 240)[0] >= USED * 6000
    assert log.refused(LEARNED, LEARNED + 240) <= REFUSED


@pytest.mark.parametrize("kind", ["sliding", "bucket", "even"])
def test_a_limit_that_doubles_is_used_two_minutes_later(kind: str) -> None:
    def rise(server: Server, now: float) -> None:
        resize(server, 600 if now < 660 else 1200)

    log = play(Pace(0.0), Server(limits(kind, (600, 60.0)), change=rise), 660 + TEN_MINUTES)
    assert log.between(660, 660 + TEN_MINUTES)[0] >= 0.85 * 12000
    assert log.between(780, 660 + TEN_MINUTES)[0] >= USED * 1200 * 8
    assert log.refused(660, 660 + TEN_MINUTES) <= REFUSED


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_client_leaves_is_used_and_no_more(kind: str) -> None:
    server = Server(limits(kind, (600, 60.0)), other=lambda now: 5.0)
    log = play(Pace(0.0), server, LEARNED + TEN_MINUTES)
    eaten = sum(LEARNED <= at < LEARNED + TEN_MINUTES for at in server.eaten)
    assert used(log, 6000 - eaten) >= USED
    assert log.refused(LEARNED, LEARNED + TEN_MINUTES) <= REFUSED


def test_another_client_may_begin_and_end() -> None:
    server = Server(limits("sliding", (600, 60.0)), other=lambda now: 5.0 if 600 <= now < 1200 else 0.0)
    log = play(Pace(0.0), server, 1800)
    assert log.between(720, 1200)[0] >= USED * (600 * 8 - sum(720 <= at < 1200 for at in server.eaten))
    assert log.between(1500, 1800)[0] >= USED * 600 * 5
    assert log.refused(600, 1800) <= REFUSED


def test_a_refusal_of_everything_for_minutes_is_probed_rarely_and_forgotten_soon() -> None:
    pace = Pace(0.0)
    server = Server(limits("sliding", (600, 60.0)), down=lambda now: LEARNED <= now < LEARNED + 400)
    log = play(pace, server, LEARNED + 400 + 120)
    assert log.between(LEARNED + 60, LEARNED + 400)[1] <= 3 * 340 / 60
    assert log.between(LEARNED + 400, LEARNED + 432)[0] > 0  # no sleep of minutes after it has lifted
    assert log.between(LEARNED + 460, LEARNED + 520)[0] >= USED * 600


def test_a_refusal_of_everything_from_the_start_teaches_nothing() -> None:
    log = play(Pace(0.0), Server(limits("sliding", *VENDOR), down=lambda now: now < 200), 300)
    assert log.between(240, 300)[0] > USED * 60 * 60


def test_answers_to_requests_sent_before_a_refusal_are_not_punished_again() -> None:
    pace = Pace(0.0)
    play(pace, Server(limits("sliding", (6000, 60.0))), 30)  # so that many may be unanswered
    now, turns = 40.0, []
    while len(turns) < 40:
        now += pace.wait(now)
        turns.append(pace.send(now))
    pace.refused(turns[0], now, None)
    pace.accepted(pace.send(now + 1), now + 1.2)
    known = pace.limit
    for turn in turns[1:]:
        pace.refused(turn, now + 1.5, None)
    assert pace.refusal is None
    assert pace.limit == known


def test_the_rate_does_not_grow_while_there_is_little_to_ask() -> None:
    pace = Pace(0.0)
    pace.begin_at(10.0, 0.0, careful=False)
    log = play(pace, Server(limits("sliding", (600, 60.0))), 600, demand=lambda now: 2.0)
    assert pace.rate <= 10.0
    assert log.between(0, 600)[1] == 0
    assert log.between(0, 600)[0] >= 0.98 * 1200


def test_the_wait_that_a_refusal_names_is_kept_and_nonsense_does_no_harm() -> None:
    def left(now: float) -> float:
        return 60 - (now + 17.3) % 60

    for named in (left, lambda now: 0.0, lambda now: 1e8, lambda now: 3.0):
        logs = [
            play(Pace(0.0), Server(limits("fixed", (600, 60.0)), retry_after=named), LEARNED + TEN_MINUTES, seed=seed)
            for seed in (1, 2)
        ]
        assert mean(used(log, 6000) for log in logs) >= USED
        assert max(log.refused(LEARNED, LEARNED + TEN_MINUTES) for log in logs) <= REFUSED


def test_a_lost_probe_is_sent_again() -> None:
    pace = Pace(0.0)
    pace.refused(pace.send(0.0), 0.1, None)
    probe = pace.send(2.0)
    assert pace.wait(2.1) == float("inf")
    pace.unanswered(probe, 12.0)
    assert 0 < pace.wait(12.0) <= 2
