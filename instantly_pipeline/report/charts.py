"""Charts as SVG, rendered by Vega-Lite in this process: `vl_convert` needs no browser and no network.

Charts contain only dates and figures, never a name. Colours are variables of the page's style sheet, so that one chart
works in light mode, dark mode and print. Each chart is rendered for a wide screen and for a phone, since scaled text is
unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import vl_convert

Row = Mapping[str, Any]
Spec = dict[str, Any]
WIDE, NARROW = 860, 296  # width of the plot in pixels, without the axis
NARROW_DAYS = 35
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_NONE: list[str] = []  # no URL may be loaded
_CONFIG: Spec = {
    "aria": False,
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "domain": False, "ticks": False, "gridColor": "var(--line)", "labelColor": "var(--muted)", "labelFontSize": 12,
        "labelFont": _FONT, "labelPadding": 6,
    },
    "axisX": {
        "grid": False, "domain": True, "domainColor": "var(--line-strong)", "labelOverlap": "greedy",
        "labelSeparation": 8,
    },
    "title": {
        "anchor": "start", "color": "var(--ink)", "fontSize": 13, "fontWeight": 600, "font": _FONT, "offset": 8,
        "subtitleColor": "var(--muted)", "subtitleFontSize": 12, "subtitleFont": _FONT, "subtitlePadding": 2,
    },
    "concat": {"spacing": 22},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chart:
    """The SVG of a chart in two widths."""

    wide: str
    narrow: str


def trend(days: Sequence[Row], bounce_limit: float | None) -> Chart:
    """E-mails, replies and bounces per day; open days are hollow. `bounce_limit` is a share from 0 to 1."""
    limit = None if bounce_limit is None else 100 * bounce_limit
    return Chart(_svg(_trend(days, WIDE, limit)), _svg(_trend(_last(days, NARROW_DAYS), NARROW, limit)))


def capacity(days: Sequence[Row]) -> Chart:
    """Follow-ups due on the coming days, and what the usable mailboxes may send."""
    return Chart(_svg(_capacity(days, WIDE)), _svg(_capacity(days, NARROW)))


def _svg(spec: Spec) -> str:
    full = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, "padding": 2, **spec}
    return str(vl_convert.vegalite_to_svg(full, allowed_base_urls=_NONE))


def _last(days: Sequence[Row], count: int) -> Sequence[Row]:
    first = days[-1]["date"] - timedelta(days=count)
    return [row for row in days if row["date"] > first]


def _trend(days: Sequence[Row], width: int, bounce_limit: float | None) -> Spec:
    x = _Time.of([row["date"] for row in days], width)
    panels = [
        x.panel("E-mails sent per day", [_bars("sent", x), _line("sent_average"), _targets("sent_target", x)]),
        x.panel("Replies per day", [_bars("replies", x), _line("replies_average"), _targets("replies_target", x)]),
    ]
    if any(row["bounces_per_100"] is not None for row in days if not row.get("is_partial")):
        layers = [_line("bounces_per_100"), *_limit(bounce_limit)]
        panels.append(x.panel("Bounces per 100 e-mails, last 7 days", layers))
    return {"data": {"values": [x.placed(row) for row in days]}, "vconcat": panels}


def _capacity(days: Sequence[Row], width: int) -> Spec:
    x = _Time.of([row["date"] for row in days], width, least=len(days))
    return {
        "data": {"values": [x.placed(row) for row in days]},
        **x.panel(None, [_bars("follow_ups_due", x), _targets("usable_limit", x)], height=130),
    }


@dataclass(frozen=True, slots=True)
class _Time:
    """The time axis, in UTC whatever the machine's time zone; a day's bar is centred on its tick."""

    first: date
    last: date
    width: int

    @classmethod
    def of(cls, days: Sequence[date], width: int, *, least: int = 14) -> _Time:
        """From the first day to the last, at least `least` days, so that one day is not one wide bar."""
        return cls(min(days[0], days[-1] - timedelta(days=least - 1)), days[-1], width)

    @property
    def bar(self) -> float:
        """Width of a bar in pixels."""
        return round(min(0.72 * self.width / ((self.last - self.first).days + 1), 26), 1)

    def placed(self, row: Row) -> Spec:
        """The row as JSON, with its position on the axis."""
        shown = {name: float(value) for name, value in row.items() if type(value) in (int, float)}
        return {**shown, "at": f"{row['date']}T00:00:00Z", "open": bool(row.get("is_partial"))}

    def panel(self, title: str | None, layers: list[Spec], *, height: int = 92) -> Spec:
        """One chart over this axis."""
        domain = [f"{self.first - timedelta(days=1)}T12:00:00Z", f"{self.last}T12:00:00Z"]
        axis = {"format": "%-d %b", "title": None, "tickCount": 9 if self.width > 500 else 4}
        at = {"field": "at", "type": "temporal", "axis": axis, "scale": {"type": "utc", "domain": domain, "padding": 0}}
        titled = {"title": title} if title else {}
        return {**titled, "width": self.width, "height": height, "encoding": {"x": at}, "layer": [*layers, _AT_LEAST_1]}


def _y(field: str) -> Spec:
    axis = {"title": None, "tickCount": 3, "format": ",~r", "minExtent": 34, "maxExtent": 34}
    return {"y": {"field": field, "type": "quantitative", "axis": axis, "scale": {"domainMin": 0}}}


def _bars(field: str, x: _Time) -> Spec:
    """Filled bars for closed days, hollow ones for open days."""
    hollow = {"condition": {"test": "datum.open", "value": "var(--surface)"}, "value": "var(--bar)"}
    edge = {"condition": {"test": "datum.open", "value": 1.2}, "value": 0}
    return {
        "mark": {"type": "bar", "width": x.bar, "stroke": "var(--bar-edge)"},
        "encoding": {**_y(field), "fill": hollow, "strokeWidth": edge},
    }


def _line(field: str) -> Spec:
    """A line up to the last closed day; open days would pull it down."""
    return {
        "transform": [{"filter": "!datum.open"}],
        "mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 2, "interpolate": "monotone"},
        "encoding": _y(field),
    }


def _targets(field: str, x: _Time) -> Spec:
    """A short line at the target of each day that has one."""
    return {
        "transform": [{"filter": f"isValid(datum.{field})"}],
        "mark": {"type": "tick", "width": x.bar + 3, "thickness": 2, "color": "var(--target)", "orient": "horizontal"},
        "encoding": _y(field),
    }


def _level(value: float, **mark: Any) -> Spec:
    return {"data": {"values": [{}]}, "mark": {"type": "rule", **mark}, "encoding": {"x": None, "y": {"datum": value}}}


def _limit(value: float | None) -> list[Spec]:
    return [] if value is None else [_level(value, color="var(--target)", strokeDash=[5, 4], strokeWidth=1.5)]


_AT_LEAST_1 = _level(1, opacity=0)  # else an axis of only zeros would have 0 in the middle
