"""The light of a share: what a few e-mails can and cannot say."""

from __future__ import annotations

import random

import pytest

from tests.warehouse.marts.given import database

pytestmark = pytest.mark.medium


def light(x: int | None, n: int | None, bad_when: str, warning: float | None, critical: float | None) -> str:
    con = database()
    asked = "select traffic_light(?::bigint, ?::bigint, ?, ?::double, ?::double)"
    return str(con.execute(asked, [x, n, bad_when, warning, critical]).fetchall()[0][0])


@pytest.mark.parametrize(
    ("x", "n", "said"),
    [
        (3, 56, "grey"),  # 5.4 %, and anything from 1.8 to 14.6 %
        (10, 141, "amber"),  # 3.9 to 12.6 %: all of it above 2 %, not all above 5 %
        (15, 141, "red"),  # 6.6 to 16.8 %
        (5, 10, "red"),
        (4, 4, "grey"),  # four are too few for any limit
        (5, 240, "grey"),
        (6, 250, "amber"),  # 250 let expect five at 2 %
        (5, 250, "green"),
        (1, 100, "grey"),  # up to 5.4 %
        (1, 120, "green"),  # up to 4.6 %
        (0, 20, "grey"),
        (0, 0, "grey"),
        (None, 100, "grey"),
        (100, None, "grey"),
        (120, 100, "red"),  # restated counters
    ],
)
def test_bounces_have_a_light_once_enough_was_sent(x: int | None, n: int | None, said: str) -> None:
    assert light(x, n, "high", 0.02, 0.05) == said


@pytest.mark.parametrize(("people", "reached"), [(2, 120), (2, 199), (3, 250), (4, 390), (5, 480)])
def test_a_handful_of_people_who_unsubscribe_are_no_amber(people: int, reached: int) -> None:
    assert light(people, reached, "high", 0.01, 0.02) == "grey"
    assert light(12 * people, 12 * reached, "high", 0.01, 0.02) in ("amber", "red")


@pytest.mark.parametrize(
    ("x", "n", "said"),
    [(0, 50, "grey"), (0, 200, "amber"), (0, 400, "red"), (3, 250, "amber"), (3, 120, "grey"), (5, 250, "green")],
)
def test_replies_are_judged_from_below(x: int, n: int, said: str) -> None:
    assert light(x, n, "low", 0.02, 0.01) == said


@pytest.mark.parametrize(
    ("x", "n", "said"), [(80, 100, "green"), (79, 100, "amber"), (50, 100, "red"), (1, 3, "grey"), (10, 10, "green")]
)
def test_a_share_near_one_is_judged_by_what_is_missing(x: int, n: int, said: str) -> None:
    assert light(x, n, "low", 0.8, 0.7) == said


@pytest.mark.parametrize(("x", "n", "said"), [(0, 3, "grey"), (0, 400, "green"), (1, 60, "amber"), (6, 60, "red")])
def test_where_none_is_tolerated_one_is_enough_for_amber(x: int, n: int, said: str) -> None:
    assert light(x, n, "high", 0, 0.01) == said


def test_a_limit_left_empty_gives_no_light_of_its_colour() -> None:
    assert light(90, 100, "high", None, None) == "grey"
    assert light(90, 100, "high", 0.02, None) == "amber"
    assert light(90, 100, "high", None, 0.05) == "red"
    assert light(2, 100, "high", None, 0.05) == "green"


def test_low_and_high_are_mirror_images() -> None:
    rng = random.Random(1)
    for _ in range(300):
        n = rng.randint(1, 600)
        x = rng.randint(0, min(n, 40))
        assert light(x, n, "high", 0.25, 0.5) == light(n - x, n, "low", 0.75, 0.5)


def test_a_sender_whose_bounces_are_as_many_as_is_fine_is_seldom_red_or_amber() -> None:
    """1 % bounce at any volume of a month: at most 1 % of looks are amber, none of 2,000 is red."""
    rng, seen = random.Random(2), []
    for _ in range(2000):
        n = rng.choice((30, 60, 100, 150, 200, 249, 300, 400, 600))
        seen.append(light(sum(rng.random() < 0.01 for _ in range(n)), n, "high", 0.02, 0.05))
    assert seen.count("red") == 0
    assert seen.count("amber") / len(seen) < 0.03
