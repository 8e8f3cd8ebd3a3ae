"""``gateway.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ...errors import ConfigurationError
from .key import takes
from .signaling import RealtimeSection
from .transceiver import TransceiverConfig

__all__ = ["BackendSection", "GatewayConfig"]

SampleRate = Annotated[int, Meta(ge=8000, le=48000)]
ConnectSeconds = Annotated[int, Meta(ge=1, le=60)]
Attempts = Annotated[int, Meta(ge=0, le=100)]
PlayoutSeconds = Annotated[int, Meta(ge=1, le=600)]
Token = Annotated[str, Meta(pattern=r"^[!-~]*\Z")]  # a header's value, whatever form its server gives it
CallSeconds = Annotated[int, Meta(ge=1, le=604_800)]


class BackendSection(Struct, frozen=True, kw_only=True):
    """``[backend]``: what answers the calls of a gateway, a WebSocket server or a handler in its own process."""

    url: Annotated[str | None, takes('a URL like "ws://127.0.0.1:9000/calls" or "wss://backend.example/calls"')] = None
    handler: Annotated[str | None, takes('"MODULE:NAME" of a handler in this process')] = None
    protocol: Annotated[Literal["plain", "realtime"], takes('"plain" or "realtime"')] = "plain"
    token: Annotated[Token, takes("a bearer token of visible characters, no space", is_secret=True)] = ""
    audio_in: Annotated[Literal["pcm16", "packets"], takes('"pcm16" or "packets"')] = "pcm16"
    audio_in_rate: Annotated[SampleRate, takes("Hz, 8000..48000")] = 24000
    audio_out: Annotated[Literal["pcm16", "packets"], takes('"pcm16" or "packets"')] = "pcm16"
    audio_out_rate: Annotated[SampleRate, takes("Hz, 8000..48000")] = 24000
    connect_seconds: Annotated[ConnectSeconds, takes("seconds, 1..60")] = 5
    reconnect_attempts: Annotated[Attempts, takes("a number of attempts, 0..100")] = 3
    playout_seconds: Annotated[PlayoutSeconds, takes("seconds, 1..600")] = 60
    call_seconds: Annotated[CallSeconds, takes("seconds, 1..604800")] = 3600

    def __post_init__(self) -> None:
        if (self.url is None) is (self.handler is None):
            raise ConfigurationError("backend.url", self.url, "a WebSocket server, or a handler instead of it")
        for key in ("audio_in", "audio_out"):
            if self.protocol == "realtime" and getattr(self, key) != "pcm16":
                raise ConfigurationError(f"backend.{key}", getattr(self, key), '"pcm16" (backend.protocol is realtime)')


class GatewayConfig(TransceiverConfig, frozen=True, kw_only=True):
    """The whole of ``gateway.toml``: a transceiver's, and the backend of its calls."""

    backend: BackendSection
    realtime: RealtimeSection | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        whip = self.signaling.whip_path
        if self.realtime is not None and f"{whip}/".startswith(f"{self.realtime.path}/"):
            expected = f"a path that is not within realtime.path, {self.realtime.path}"
            raise ConfigurationError("signaling.whip_path", whip, expected)
