"""rtcsplit: a thin UDP relay in front of stateful WebRTC transceivers, for voice AI.

The names below are the common case; each lower object is importable from its own module. They are loaded when they
are first used, so that a relay never loads what only a transceiver needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .drops import DropReason
    from .gateway.voice import VoiceApplication, VoiceHandler
    from .gateway.voice_session import VoiceSession
    from .gateway.voice_settings import VoiceSettings
    from .relay.relay import Relay
    from .relay.settings import RelaySettings
    from .routing.directory import Directory, DirectoryEntry, EntryState
    from .routing.hint import Route, RoutingKeys
    from .session.session import Session
    from .transceiver.application import Application
    from .transceiver.call import Call
    from .transceiver.packet_loop import PacketLoop
    from .transceiver.settings import TransceiverSettings
    from .transceiver.transceiver import Transceiver
    from .wire.address import Address

__all__ = [
    "Address",
    "Application",
    "Call",
    "Directory",
    "DirectoryEntry",
    "DropReason",
    "EntryState",
    "PacketLoop",
    "Relay",
    "RelaySettings",
    "Route",
    "RoutingKeys",
    "Session",
    "Transceiver",
    "TransceiverSettings",
    "VoiceApplication",
    "VoiceHandler",
    "VoiceSession",
    "VoiceSettings",
    "__version__",
]

_HOMES = {
    "Address": "wire.address",
    "Application": "transceiver.application",
    "Call": "transceiver.call",
    "Directory": "routing.directory",
    "DirectoryEntry": "routing.directory",
    "DropReason": "drops",
    "EntryState": "routing.directory",
    "PacketLoop": "transceiver.packet_loop",
    "Relay": "relay.relay",
    "RelaySettings": "relay.settings",
    "Route": "routing.hint",
    "RoutingKeys": "routing.hint",
    "Session": "session.session",
    "Transceiver": "transceiver.transceiver",
    "TransceiverSettings": "transceiver.settings",
    "VoiceApplication": "gateway.voice",
    "VoiceHandler": "gateway.voice",
    "VoiceSession": "gateway.voice_session",
    "VoiceSettings": "gateway.voice_settings",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
