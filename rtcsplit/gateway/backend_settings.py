"""Where a gateway's backend is, and how calls are brought to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import ConfigurationError

__all__ = ["BackendSettings"]


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Of one backend.

    Attributes:
        url: ``ws://`` or ``wss://``; each call has a connection of its own to it.
        token: sent as bearer token; empty for none.
        audio_in_rate: Hz, of the PCM16 that the backend gets; None for packets as they came.
        audio_out_rate: Hz, of the PCM16 that it sends; None for packets of 20 ms of the negotiated codec.
        connect_seconds: for one attempt to connect.
        reconnect_attempts: in a row, before the call is ended; also for the first connection.
        playout_seconds: of speech that the backend may be ahead.
        call_seconds: that a call may last.

    Raises:
        ConfigurationError: the URL is none.
    """

    url: str
    token: str = field(default="", repr=False)
    audio_in_rate: int | None = 24_000
    audio_out_rate: int | None = 24_000
    connect_seconds: float = 5.0
    reconnect_attempts: int = 3
    playout_seconds: float = 60.0
    call_seconds: float = 3600.0

    def __post_init__(self) -> None:
        expected = "a URL like ws://127.0.0.1:9000/calls or wss://backend.example/calls, without user and fragment"
        try:
            parts = urlsplit(self.url)
            is_usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable or "@" in parts.netloc or parts.fragment or not self.url.isascii() or " " in self.url:
            raise ConfigurationError("backend.url", self.url, expected)
