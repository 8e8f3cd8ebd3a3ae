"""Sections that several roles have: ``[admin]``, ``[hint_keys]``, ``[redis]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from ...errors import ConfigurationError
from ...wire.address import Address
from .. import values
from .key import LISTEN, takes

__all__ = ["AdminSection", "HintKeysSection", "RedisSection"]


class AdminSection(Struct, frozen=True, kw_only=True):
    """``[admin]``: liveness, readiness and metrics over HTTP. Without the section there is no such port."""

    listen: Annotated[Address, LISTEN]


class HintKeysSection(Struct, frozen=True, kw_only=True):
    """``[hint_keys]``: the secrets that routing hints are minted and opened with."""

    mint: Annotated[Annotated[int, Meta(ge=0, le=15)] | None, takes("the id of the secret that mints, 0..15")] = None
    secrets: Annotated[
        Mapping[str, str], takes("a table of ids 0..15, each with a secret of 64 hex digits", is_secret=True)
    ] = field(default_factory=dict)
    file: Annotated[Path | None, takes("a TOML file with mint and secrets", values.path)] = None

    def __post_init__(self) -> None:
        if self.file is not None and (self.mint is not None or self.secrets):
            raise ConfigurationError("hint_keys.file", str(self.file), "either file, or mint and secrets")


class RedisSection(Struct, frozen=True, kw_only=True):
    """``[redis]``: the flow cache and the registry of transceivers."""

    url: Annotated[str, takes('a URL like "redis://:PASSWORD@10.0.0.2:6379/0"', values.redis_url, is_secret=True)]
    key_prefix: Annotated[str, takes("what all keys in Redis begin with")] = "rtcsplit:"
