"""One session's story as newline JSON: stages, paths, channels, gaps, and at the end drops, statistics and the cause.

After qlog's main schema: a first line that says what this is, then one line per event with ``time`` (seconds since the
offer was accepted), ``category``, ``event`` and ``data``. There is no line per datagram, and at most 1,000 lines.
docs/reference/session-log.md lists them; :mod:`.explanation` reads them.

A log names the client's addresses. It has no password, no key, no media, and of a ufrag the first six characters.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path as FilePath

from ..drops import DropReason
from ..media.statistics import RtpStatistics
from ..session.events import (
    AddressAuthenticated,
    ChannelClosed,
    ChannelOpened,
    DataChannelsEnded,
    IceRestarted,
    PathChanged,
    SessionConnected,
    SessionEnded,
    SessionEvent,
    UfragRetired,
)
from ..session.negotiation import Negotiation
from ..wire.address import Address, Path
from ..wire.packet import Kind

__all__ = ["LogDirectory", "SessionLog"]

_LOGGER = logging.getLogger(__name__)
_VERSION = 1
_MAX_LINES = 1_000
_GAP = 1.0  # of media; Opus in discontinuous transmission sends every 400 ms
_UFRAG_SHOWN = 6
_LABEL_SHOWN = 64  # of what a client may have chosen as long as it likes


class SessionLog:
    """The log of one session.

    Args:
        write: takes one line without its end. One that raises is not called again, and the session goes on.
        ufrag: ours; shortened.
        now: monotonic seconds, the zero of the log's time.
        started: the same moment in Unix time.
    """

    def __init__(self, write: Callable[[str], None], ufrag: str, now: float, started: float) -> None:
        self._write: Callable[[str], None] | None = write
        self._session = ufrag[:_UFRAG_SHOWN]
        self._start = now
        self._lines = 0
        self._received: Counter[Kind] = Counter()
        self._drops: Counter[DropReason] = Counter()
        self._media_at: float | None = None
        moment = datetime.datetime.fromtimestamp(started, datetime.timezone.utc).isoformat(timespec="milliseconds")
        self._put({"log": "rtcsplit session log", "version": _VERSION, "session": self._session, "started": moment})

    # what happens to the session

    def accepted(self, negotiation: Negotiation, candidates: tuple[Address, ...], now: float) -> None:
        """An offer was answered."""
        data = {
            "candidates": [str(address) for address in candidates],
            "dtls_role": negotiation.dtls_role.value,
            **_settled(negotiation),
            "ice_options": sorted(negotiation.remote_ice_options),
        }
        self._event(now, "session", "accepted", data)

    def renegotiated(self, negotiation: Negotiation, now: float) -> None:
        """A later offer was answered."""
        self._event(now, "session", "renegotiated", _settled(negotiation))

    def restart_requested(self, ufrag: str, now: float) -> None:
        """Signaling restarts ICE."""
        self._event(now, "ice", "restart_requested", {"ufrag": ufrag[:_UFRAG_SHOWN]})

    def address_conflict(self, client: Address, now: float) -> None:
        """The client address belongs to another living session."""
        self._event(now, "ice", "address_conflict", {"client": str(client)})

    def received(self, kind: Kind) -> None:
        """A datagram came for the session."""
        self._received[kind] += 1

    def media(self, now: float) -> None:
        """An authentic RTP packet came."""
        if self._media_at is None:
            self._event(now, "media", "first_packet", {})
        elif now - self._media_at >= _GAP:
            self._event(now, "media", "gap", {"seconds": round(now - self._media_at, 3)})
        self._media_at = now

    def dropped(self, reason: DropReason) -> None:
        """One of them was of no use."""
        self._drops[reason] += 1

    def follow(self, event: SessionEvent, now: float) -> None:
        """Take what the session reports."""
        match event:
            case AddressAuthenticated(client):
                self._event(now, "ice", "address_authenticated", {"client": str(client)})
            case PathChanged(path, cause):
                self._event(now, "ice", "path_changed", {**_path(path), "cause": cause.value})
            case IceRestarted(ufrag):
                self._event(now, "ice", "restarted", {"ufrag": ufrag[:_UFRAG_SHOWN]})
            case UfragRetired(ufrag):
                self._event(now, "ice", "ufrag_retired", {"ufrag": ufrag[:_UFRAG_SHOWN]})
            case SessionConnected(path):
                self._event(now, "dtls", "connected", _path(path))
            case ChannelOpened(channel_id, parameters, is_remote):
                data = {
                    "id": channel_id,
                    "label": parameters.label[:_LABEL_SHOWN],
                    "by": "client" if is_remote else "us",
                }
                self._event(now, "channel", "opened", data)
            case ChannelClosed(channel_id):
                self._event(now, "channel", "closed", {"id": channel_id})
            case DataChannelsEnded(cause, detail):
                self._event(now, "channel", "lost", {"cause": cause.value, "detail": detail})
            case _:
                pass

    def ended(self, event: SessionEnded, statistics: RtpStatistics | None, now: float) -> None:
        """The last line."""
        since_media = None if self._media_at is None else round(now - self._media_at, 3)
        data = {
            "cause": event.cause.value,
            "code": event.code,
            "detail": event.detail,
            "received": {kind.name.lower(): count for kind, count in self._received.items()},
            "dropped": {reason.label: count for reason, count in self._drops.items()},
            "since_media": since_media,
            "statistics": None if statistics is None else _summary(statistics),
        }
        self._lines = 0  # this one is always written
        self._event(now, "session", "ended", data)
        self._write = None

    # writing

    def _event(self, now: float, category: str, event: str, data: Mapping[str, object]) -> None:
        self._put({"time": round(now - self._start, 6), "category": category, "event": event, "data": data})

    def _put(self, line: dict[str, object]) -> None:
        if self._write is None or self._lines >= _MAX_LINES:
            return
        self._lines += 1
        try:
            self._write(json.dumps(line, separators=(",", ":")))
        except Exception as error:  # a full disk, or a fault of whoever gave us `write`
            self._write = None
            _LOGGER.warning("session_log_failed", extra={"session": self._session, "reason": str(error)})


class LogDirectory:
    """A directory with one file per session.

    No descriptor stays open: a session writes some ten lines in its life, each of which opens its file for itself.

    Args:
        path: the directory; has to exist.
    """

    def __init__(self, path: FilePath) -> None:
        self._path = path

    def file_for(self, ufrag: str, started: float, random: Callable[[int], bytes]) -> Callable[[str], None]:
        """Return what writes lines to a new file, named after the time, the ufrag's beginning and chance."""
        moment = datetime.datetime.fromtimestamp(started, datetime.timezone.utc).strftime("%Y%m%dT%H%M%S")
        name = ufrag[:_UFRAG_SHOWN].replace("/", "_")
        path = self._path / f"{moment}-{name}-{random(4).hex()}.jsonl"

        def write(line: str) -> None:
            with path.open("a", encoding="ascii") as file:
                file.write(line + "\n")

        return write


def _path(path: Path) -> Mapping[str, object]:
    return {
        "client": str(path.client),
        "relay": str(path.via.relay) if path.via is not None and path.via.relay.port else None,
    }


def _settled(negotiation: Negotiation) -> Mapping[str, object]:
    audio = negotiation.audio
    return {
        "direction": audio.direction.value if audio else None,
        "codec": audio.codecs[0].name if audio else None,
    }


def _summary(statistics: RtpStatistics) -> Mapping[str, object]:
    return {name: value for name, value in asdict(statistics).items() if name != "sources"}
