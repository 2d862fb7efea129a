"""Date ranges of the analytics routes: plain dates or full timestamps, inclusive or not."""

from datetime import UTC, date, datetime, timedelta

from instantly_sandbox.endpoints.call import Call
from instantly_sandbox.http import ApiError
from instantly_sandbox.world.seeded import DAY

Range = tuple[int | None, int | None]


def _instant(call: Call, name: str) -> tuple[int | None, bool]:
    """Returns (milliseconds, whether it is a plain date) of a parameter."""
    value = call.request.param(name)
    if value is None:
        return None, False
    try:
        if len(value) == 10:
            day = date.fromisoformat(value)
            return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000), True
        if not call.switches.full_timestamps:
            raise ApiError(400, f"Invalid {name}", bare="message")
        moment = datetime.fromisoformat(value.replace(" ", "+"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000), False
    except ValueError:
        raise ApiError(400, f"querystring/{name} must be a valid date") from None


def instants(call: Call) -> Range:
    """First and last millisecond of /analytics, /overview and /steps; None where no bound was given."""
    start, end, plain = _range(call)
    if end is not None and plain:
        end = end + DAY - 1 if call.switches.end_date_inclusive else end - 1
    return start, end


def _range(call: Call) -> tuple[int | None, int | None, bool]:
    """The validated first and last instant, and whether the last one is a plain date."""
    start, _ = _instant(call, "start_date")
    end, plain = _instant(call, "end_date")
    if start is not None and end is not None:
        if start > end:
            raise ApiError(400, "Start Date must be earlier than End Date", bare="message")
        most = call.switches.max_campaign_days.get(call.request.path)
        if most is not None and end // DAY - start // DAY + 1 > most:
            raise ApiError(400, f"Date range cannot exceed {most} days", bare="message")
    return start, end, plain


def days(call: Call) -> tuple[str, str]:
    """First and last date of /daily, both inclusive."""
    start, end, _ = _range(call)
    first, last = (_day(start) if start is not None else "0000"), (_day(end) if end is not None else "9999")
    if any(first <= day <= last for day in call.switches.refused_days):
        raise ApiError(400, "Invalid date range", bare="message")
    return first, last


def account_days(call: Call) -> tuple[str, str]:
    """The window of /accounts/analytics/daily: by default 30 days up to today, at most 31."""
    start, _ = _instant(call, "start_date")
    end, _ = _instant(call, "end_date")
    last = date.fromisoformat(_day(end if end is not None else call.world.now))
    first = date.fromisoformat(_day(start)) if start is not None else last - timedelta(days=29)
    if first > last:
        raise ApiError(400, "Start Date must be earlier than End Date", bare="message")
    if (last - first).days + 1 > call.switches.max_account_days:
        raise ApiError(400, f"Date range cannot exceed {call.switches.max_account_days} days", bare="message")
    return first.isoformat(), last.isoformat()


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
