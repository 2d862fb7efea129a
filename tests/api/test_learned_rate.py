"""The control law against servers whose limit it does not know, in simulated time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from instantly_pipeline.api.pace import Pace

from .simulated import KINDS, OTHERS, VENDOR, Log, Server, limits, play, resize

pytestmark = pytest.mark.whole

SECONDS = [((100, 1.0),), ((50, 1.0),), ((10, 1.0),), ((20, 5.0),)]  # limits whose use shows within seconds
MINUTES = [((600, 60.0),), ((100, 60.0),), ((20, 60.0),)]
# when one begins, and how long everything is refused
BURSTS = [(0.5, 2), (2, 2), (2, 10), (5, 1), (5, 30), (10, 2), (20, 5), (60, 2), (61.7, 5), (120, 30), (300, 2)]
SERVERS = [(limit, kind) for limit in (*SECONDS, *MINUTES, VENDOR) for kind in KINDS]
SERVERS += [(limit, kind) for limit in MINUTES for kind in OTHERS]
SLOW = pytest.mark.slow


def allowed(limit: tuple[tuple[int, float], ...], latency: tuple[float, float] = (0.3, 0.5)) -> float:
    """Requests a second, of which no more are possible than 64 under way."""
    return min(*(most / seconds for most, seconds in limit), 64 / (sum(latency) / 2 + 0.02))


def used(log: Log, a_second: float, start: float, end: float) -> float:
    return log.between(start, end)[0] / (a_second * (end - start))


def name(limit: tuple[tuple[int, float], ...]) -> str:
    return " and ".join(f"{most} in {seconds:g} s" for most, seconds in limit)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_thousand_requests_at_the_vendors_limits_take_fourteen_seconds(kind: str) -> None:
    log = play(Pace(0.0), Server(limits(kind, *VENDOR)), 20, latency=(0.38, 0.38))
    assert sorted(at for at, accepted in log.entries if accepted)[999] + 0.38 < 14.2
    assert log.refused(0, 20) < 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", SECONDS, ids=name)
@pytest.mark.parametrize(("began", "lasted"), BURSTS)
def test_a_burst_of_others_is_over_when_it_is_over(
    limit: tuple[tuple[int, float], ...], kind: str, began: float, lasted: float
) -> None:
    over = began + lasted
    server = Server(limits(kind, *limit), down=lambda now: began <= now < over)
    log = play(Pace(0.0), server, over + 75)
    assert used(log, allowed(limit), over + 15, over + 75) >= 0.8
    assert used(log, allowed(limit), over + 60, over + 75) >= 0.75  # and it does not come back


def test_bursts_of_others_leave_nine_tenths_of_the_vendors_limit() -> None:
    for began, lasted in BURSTS:
        over = began + lasted
        down = Server(limits("sliding", (100, 1.0)), down=lambda now, a=began, b=over: a <= now < b)
        assert used(play(Pace(0.0), down, over + 75), 100, over + 15, over + 75) >= 0.9


@pytest.mark.parametrize("latency", [(0.3, 0.5), (0.05, 0.06), pytest.param((0.05, 2.0), marks=SLOW)], ids=str)
@pytest.mark.parametrize(("limit", "kind"), SERVERS, ids=lambda one: one if isinstance(one, str) else name(one))
def test_a_limit_it_was_not_given_is_used_and_kept(
    limit: tuple[tuple[int, float], ...], kind: str, latency: tuple[float, float]
) -> None:
    log = play(Pace(0.0), Server(limits(kind, *limit)), 900, latency=latency)
    is_punishing, is_lowest = kind.startswith("punishing"), limit == MINUTES[-1]
    # where every search costs a minute of silence, one in ten minutes is the most
    assert used(log, allowed(limit, latency), 240, 900) >= (0.5 if is_punishing else 0.8)
    # a search for more costs two or three, of the 200 requests in ten minutes at 20 a minute
    assert log.refused(240, 900) <= (0.25 if is_lowest else 0.17 if is_punishing else 0.03)
    assert log.refused(0, 60) <= (0.26 if allowed(limit) >= 10 else 0.8)
    if kind == "sliding" and allowed(limit) > 10:
        assert log.refused(0, 60) <= 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_few_accepted_requests_measure_no_limit(kind: str) -> None:
    pace = Pace(0.0)
    play(pace, Server(limits(kind, *VENDOR), down=lambda now: now > 0.2), 300)
    assert pace.limit is None


def test_no_limit_below_the_least_that_a_source_names_is_believed() -> None:
    pace = Pace(0.0)
    log = play(pace, Server(limits("sliding", (2, 60.0))), 1800)
    assert pace.limit is None or pace.limit >= 20 / 60
    assert log.between(0, 1800)[0] >= 50


def test_where_a_limit_was_remembered_the_rate_starts() -> None:
    pace = Pace(0.0)
    pace.begin_at(95.0, 0.0)
    log = play(pace, Server(limits("sliding", *VENDOR)), 60)
    assert used(log, 95, 0, 10) >= 0.7
    assert used(log, 95, 10, 60) >= 0.85
    assert log.refused(0, 60) <= 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_a_remembered_rate_that_is_ten_times_too_high_falls_at_once(kind: str) -> None:
    pace = Pace(0.0)
    pace.begin_at(100.0, 0.0)
    log = play(pace, Server(limits(kind, (600, 60.0))), 600)
    assert used(log, 10, 0, 600) >= 0.85
    assert log.refused(0, 600) <= 0.05


@pytest.mark.parametrize("remembered", [100 / 60, 20 / 60])
def test_a_remembered_rate_is_no_ceiling(remembered: float) -> None:
    pace = Pace(0.0)
    pace.begin_at(remembered, 0.0)
    log = play(pace, Server(limits("sliding", *VENDOR)), 180)
    assert used(log, 100, 120, 180) >= 0.85
    assert log.refused(0, 180) <= 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_falls_to_a_tenth_is_kept_within_two_minutes(kind: str) -> None:
    def fall(server: Server, now: float) -> None:
        if now >= 300:
            resize(server, 600)

    log = play(Pace(0.0), Server(limits(kind, *VENDOR), change=fall), 900)
    assert log.refused(420, 900) <= 0.03
    assert used(log, 10, 420, 900) >= 0.85


@pytest.mark.parametrize("kind", [*KINDS, "even"])
@pytest.mark.parametrize("before", [100, 600])
def test_a_limit_that_rises_tenfold_is_used_within_four_minutes(kind: str, before: int) -> None:
    def rise(server: Server, now: float) -> None:
        resize(server, before if now < 300 else 10 * before)

    log = play(Pace(0.0), Server(limits(kind, (before, 60.0)), change=rise), 720)
    assert used(log, before / 6, 540, 720) >= 0.75
    assert log.refused(300, 720) <= 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_client_leaves_is_used_and_no_more(kind: str) -> None:
    server = Server(limits(kind, (600, 60.0)), other=lambda now: 5.0)
    log = play(Pace(0.0), server, 900)
    eaten = sum(300 <= at < 900 for at in server.eaten)
    assert log.between(300, 900)[0] >= 0.85 * (6000 - eaten)
    assert log.refused(300, 900) <= 0.03


def test_a_refusal_of_everything_for_minutes_is_probed_rarely() -> None:
    server = Server(limits("sliding", (600, 60.0)), down=lambda now: 300 <= now < 700)
    log = play(Pace(0.0), server, 880)
    assert log.between(360, 700)[1] <= 340 / 8 + 1
    assert log.between(700, 715)[0] > 0
    assert used(log, 10, 700, 880) >= 0.85


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
    pace.begin_at(10.0, 0.0)
    log = play(pace, Server(limits("sliding", (600, 60.0))), 600, demand=lambda now: 2.0)
    assert pace.rate <= 10.0
    assert log.between(0, 600)[1] == 0
    assert log.between(0, 600)[0] >= 0.98 * 1200


@pytest.mark.parametrize("named", [lambda now: 60 - (now + 17.3) % 60, lambda now: 0.0, lambda now: 3.0])
def test_the_wait_that_a_refusal_names_is_kept(named: Callable[[float], float]) -> None:
    server = Server(limits("fixed", (600, 60.0)), retry_after=named)
    log = play(Pace(0.0), server, 900)
    assert used(log, 10, 300, 900) >= 0.85
    assert log.refused(300, 900) <= 0.03


def test_a_lost_probe_is_sent_again() -> None:
    pace = Pace(0.0)
    pace.refused(pace.send(0.0), 0.1, None)
    probe = pace.send(2.0)
    assert pace.wait(2.1) == float("inf")
    pace.unanswered(probe, 12.0)
    assert 0 < pace.wait(12.0) <= 2
