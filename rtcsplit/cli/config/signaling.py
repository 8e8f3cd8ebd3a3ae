"""``[signaling]`` and ``[realtime]``: the doors that calls are set up through."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from ...errors import ConfigurationError
from ...signaling import origin
from ...wire.address import Address
from .. import values
from ..values import Network
from .key import LISTEN, NETWORKS, Positive, takes

__all__ = ["RealtimeSection", "SignalingSection"]

Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/-]+=*\Z")]  # RFC 6750 section 2.1


class SignalingSection(Struct, frozen=True, kw_only=True):
    """``[signaling]``: the HTTP port where calls are set up, and who may."""

    listen: Annotated[Address, LISTEN] = Address.of("0.0.0.0", 8080)
    whip_path: Annotated[str, takes('a URL path like "/whip", without a slash at its end', values.url_path)] = "/whip"
    tokens: Annotated[
        tuple[Token, ...], takes("a list of bearer tokens of letters, digits, -._~+/ and = at the end", is_secret=True)
    ] = ()
    allow_anonymous: Annotated[bool, takes("true or false")] = False
    cors_origins: Annotated[tuple[str, ...], takes(origin.EXPECTED, origin.parse_origin)] = ()
    max_sessions_per_token: Annotated[Positive, takes("a number of sessions, 1..16777216")] = 100
    steering: Annotated[Path | None, takes("a TOML file of rules", values.path)] = None
    steering_database: Annotated[Path | None, takes("a database in MaxMind's format", values.path)] = None
    trusted_proxies: Annotated[tuple[Network, ...], NETWORKS] = ()

    def __post_init__(self) -> None:
        if not self.tokens and not self.allow_anonymous:
            raise ConfigurationError("signaling.tokens", None, "at least one token, or allow_anonymous = true")
        if self.steering is None and self.steering_database is not None:
            expected = "no database where there is no signaling.steering"
            raise ConfigurationError("signaling.steering_database", str(self.steering_database), expected)


class RealtimeSection(Struct, frozen=True, kw_only=True):
    """``[realtime]``: the Realtime API beside WHIP, on the same port, with the same tokens."""

    path: Annotated[str, takes('a URL path like "/v1/realtime", without a slash at its end', values.url_path)] = (
        "/v1/realtime"
    )
