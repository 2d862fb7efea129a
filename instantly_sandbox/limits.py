"""Rate limits per workspace: sliding or fixed windows, or a token bucket; `/emails` has its own."""

from collections import deque

from instantly_sandbox.switches import RateLimits


class Window:
    """At most `limit` requests per `seconds`: a sliding or fixed window, or a token bucket of that size and rate."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times: deque[float] = deque()
        self.slot, self.used = -1, 0
        self.tokens: float | None = None
        self.filled_at = 0.0

    def wait(self, limit: int, kind: str, now: float) -> float:
        """Seconds until a request is allowed; 0 when it is."""
        if kind == "fixed":
            slot = int(now // self.seconds)
            if slot != self.slot:
                self.slot, self.used = slot, 0
            return 0.0 if self.used < limit else (slot + 1) * self.seconds - now
        if kind == "bucket":
            if self.tokens is None:
                self.tokens = float(limit)
            else:
                self.tokens = min(float(limit), self.tokens + (now - self.filled_at) * limit / self.seconds)
            self.filled_at = now
            return 0.0 if self.tokens > 1 - 1e-6 else (1 - self.tokens) * self.seconds / limit
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        return 0.0 if len(self.times) < limit else self.times[0] + self.seconds - now

    def take(self, kind: str, now: float) -> None:
        if kind == "fixed":
            self.used += 1
        elif kind == "bucket":
            self.tokens = (self.tokens or 0.0) - 1
        else:
            self.times.append(now)

    def left(self, limit: int, kind: str) -> int:
        return max(0, {"fixed": limit - self.used, "bucket": int(self.tokens or 0)}.get(kind, limit - len(self.times)))


class Limiter:
    """The windows of one workspace."""

    def __init__(self, *, to_calendar: float = 0.0) -> None:
        """`to_calendar`: seconds to add to `now` for Unix time; fixed windows start on full seconds and minutes."""
        self.second, self.minute, self.emails = Window(1.0), Window(60.0), Window(60.0)
        self.further: dict[float, Window] = {}  # by seconds
        self.to_calendar = to_calendar
        self.others_at = 0.0

    def admit(self, limits: RateLimits, now: float, *, emails: bool) -> float:
        """Seconds to wait, 0 if the request is allowed. A refused request does not count."""
        if limits.sustained_until > now:
            return limits.sustained_until - now
        if not limits.enabled:
            return 0.0
        now += self.to_calendar
        self._serve_others(limits, now)
        return self._admit(limits, now, emails=emails)

    def _serve_others(self, limits: RateLimits, now: float) -> None:
        """Count the other client's requests since the last call, at most a minute, evenly spaced, without retries."""
        self.others_at = max(self.others_at, now - 60.0) if limits.others_per_second else now
        while limits.others_per_second and self.others_at + 1 / limits.others_per_second <= now:
            self.others_at += 1 / limits.others_per_second
            self._admit(limits, self.others_at, emails=False)

    def _admit(self, limits: RateLimits, now: float, *, emails: bool) -> float:
        checks = [(self.second, limits.per_second), (self.minute, limits.per_minute)]
        checks += [(self.further.setdefault(seconds, Window(seconds)), limit) for limit, seconds in limits.further]
        if emails:
            checks.append((self.emails, limits.emails_per_minute))
        wait = max(window.wait(limit, limits.window, now) for window, limit in checks)
        if wait <= 0:
            for window, _ in checks:
                window.take(limits.window, now)
        return wait

    def headers(self, limits: RateLimits, wall: float) -> list[tuple[bytes, bytes]]:
        left = self.minute.left(limits.per_minute, limits.window)
        return [
            (b"x-ratelimit-limit", b"%d" % limits.per_minute),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % (int(wall // 60 + 1) * 60)),
        ]
