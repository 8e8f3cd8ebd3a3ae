"""The configuration of ``rtcsplit relay``, ``transceiver`` and ``gateway``: every section, key, default and limit.

``docs/reference/configuration.md`` is this package for readers; a test holds the two together. Rules between keys are
the ``__post_init__`` of whoever has both.
"""

from __future__ import annotations

from .directory_dns import DirectoryDnsSection
from .gateway import BackendSection, GatewayConfig
from .key import MAX_WORKERS
from .relay import RelayConfig, RelaySection
from .shared import AdminSection, HintKeysSection, RedisSection
from .signaling import RealtimeSection, SignalingSection
from .transceiver import TransceiverConfig, TransceiverSection

__all__ = [
    "MAX_WORKERS",
    "AdminSection",
    "BackendSection",
    "DirectoryDnsSection",
    "GatewayConfig",
    "HintKeysSection",
    "RealtimeSection",
    "RedisSection",
    "RelayConfig",
    "RelaySection",
    "SignalingSection",
    "TransceiverConfig",
    "TransceiverSection",
]
