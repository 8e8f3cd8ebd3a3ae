"""How many HTTP requests signaling had, and how long they took, by method, route and status."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..media.histogram import Histogram

__all__ = ["CountedRequests", "HttpCounters"]

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_OTHER = "other"


class HttpCounters:
    """Those of one process.

    Attributes:
        seconds: how long requests took, by method, route and status; how many there were is in it.
    """

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str, str], Histogram] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one."""
        key = (method if method in _METHODS else _OTHER, route, str(status))
        histogram = self.seconds.get(key)
        if histogram is None:
            histogram = self.seconds[key] = Histogram(_BOUNDS)
        histogram.add(seconds)


class CountedRequests:
    """Counts the requests that go to an application, which has routes of Starlette's.

    Args:
        app: the application.
        counters: theirs.
        clock: monotonic seconds.
    """

    def __init__(self, app: ASGIApp, counters: HttpCounters, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._counters, self._clock = app, counters, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = self._clock(), 500  # which the server sends where nobody else does

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            # The router leaves its route in the scope: the template of a path, never what a client put into it.
            route = getattr(scope.get("route"), "path", _OTHER)
            self._counters.add(scope["method"], route, status, self._clock() - begun)
