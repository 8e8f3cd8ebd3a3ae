"""From the facts of a received batch to what the switchboard takes, and paths to octets and back."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Container, Iterable
from functools import partial
from typing import Any, NamedTuple, cast

from .._native.batch import FORM_NEWS, FORM_RECEIVED, FORM_RTP, FORM_TAKEN, NO_AUDIO_LEVEL, PATH
from .._native.session_table import ADDRESS_SIZE, NativeSessionTable
from ..drops import DropReason
from ..wire.address import Address, Path, Via
from ..wire.packet import Kind
from ..wire.rtp import HEADER_SIZE, RtpPacket, packet_of
from ..wire.rtp_extension import AudioLevel

__all__ = [
    "CallNews",
    "FactReader",
    "OpenedPacket",
    "PathReader",
    "Received",
    "ReceivedDatagram",
    "RefusedPacket",
    "TakenPacket",
    "pack_path",
]

_KINDS = {int(kind.value): kind for kind in Kind}
_NOWHERE = Address(bytes(16), 0)
_RTP_FORMS = (FORM_TAKEN, FORM_RTP)
_LEVELS = [*(AudioLevel.of(octet) for octet in range(NO_AUDIO_LEVEL)), None]  # by what a fact says


class ReceivedDatagram(NamedTuple):
    """A datagram that may concern a session, as it came.

    Attributes:
        payload: what the client sent, without the header of a relay.
        path: the client and, in relay mode, the way back to it.
        kind: what its first octets say it is (RFC 7983).
    """

    payload: bytes
    path: Path
    kind: Kind


class OpenedPacket(NamedTuple):
    """A packet that was SRTP or SRTCP, and authentic.

    Attributes:
        packet: the plain packet; RTP parsed unless it is broken, RTCP as octets.
        path: as of :class:`ReceivedDatagram`.
        kind: RTP or RTCP.
        session: whose it is, by the number that the session table has given it.
    """

    packet: RtpPacket | bytes
    path: Path
    kind: Kind
    session: int


class TakenPacket(NamedTuple):
    """An authentic RTP packet that its session has counted in the batch, from the path that it sends to.

    Attributes:
        packet: the plain packet.
        session: as of :class:`OpenedPacket`.
        has_news: as :class:`CallNews` besides.
    """

    packet: RtpPacket
    session: int
    has_news: int


class CallNews(NamedTuple):
    """The batch brought the timer of a session nearer.

    Attributes:
        session: as of :class:`OpenedPacket`.
    """

    session: int


_opened = cast("Callable[[tuple[object, ...]], OpenedPacket]", partial(tuple.__new__, OpenedPacket))
_taken = cast("Callable[[tuple[object, ...]], TakenPacket]", partial(tuple.__new__, TakenPacket))


class RefusedPacket(NamedTuple):
    """A packet from an address of a session that was not SRTP or SRTCP of that session.

    Attributes:
        reason: why not.
        kind: what its first octets said it was.
        session: as of :class:`OpenedPacket`.
    """

    reason: DropReason
    kind: Kind
    session: int


Received = ReceivedDatagram | OpenedPacket | TakenPacket | CallNews | RefusedPacket


def pack_path(path: Path) -> bytes:
    """Return a path as ``struct rs_path``; without ``via`` its part is zero."""
    relay, proxy = path.via or (_NOWHERE, _NOWHERE)
    return PATH.pack(*path.client, *relay, *proxy)


class PathReader:
    """Reads ``struct rs_path``. The latest path of an address that a session has stays one object.

    It is kept beside the address in the session table and goes with it: strangers leave nothing here, nor do sessions
    that have ended.

    Args:
        table: of the sessions; None where there is none.
    """

    def __init__(self, table: NativeSessionTable | None) -> None:
        self._notes: dict[bytes, Any] = {} if table is None else table.notes
        self._sessions: Container[tuple[bytes, int]] = () if table is None else table

    def unpack(self, packed: bytes) -> Path:
        """Return the path; it has no ``via`` where that part is zero."""
        address = packed[:ADDRESS_SIZE]
        known = self._notes.get(address)
        if known is not None and known[0] == packed:
            return cast("Path", known[1])
        client_ip, client_port, relay_ip, relay_port, proxy_ip, proxy_port = PATH.unpack(packed)
        has_via = relay_port or proxy_port
        via = Via(Address(relay_ip, relay_port), Address(proxy_ip, proxy_port)) if has_via else None
        path = Path(Address(client_ip, client_port), via)
        if path.client in self._sessions:
            self._notes[address] = (packed, path)
        return path


class FactReader:
    """Reads facts, and counts those of datagrams that were dropped before it was known whose they are.

    Attributes:
        drops: by reason. Grows; the caller may clear it.
    """

    def __init__(self, paths: PathReader) -> None:
        self._unpack = paths.unpack
        self.drops: Counter[DropReason] = Counter()

    def read(self, facts: Iterable[tuple[Any, ...]], octets: Any) -> list[Received]:
        """Return what the facts say, in order.

        Args:
            facts: as ``_native.batch`` gives them.
            octets: what their offsets point into.
        """
        taken: list[Received] = []
        unpack, rtp = self._unpack, Kind.RTP
        for (
            packed,
            kind,
            drop,
            offset,
            length,
            session,
            timestamp,
            ssrc,
            sequence_number,
            extension_profile,
            header_length,
            extension_length,
            payload_length,
            payload_type,
            csrc_count,
            has_marker,
            has_extension,
            form,
            has_news,
            audio_level,
        ) in facts:
            if drop:
                self._refuse(taken, DropReason(drop), _KINDS[kind], session)
            elif form in _RTP_FORMS:
                start = offset + header_length
                fields = (
                    payload_type,
                    sequence_number,
                    timestamp,
                    ssrc,
                    octets[start : start + payload_length],
                    has_marker == 1,
                    struct.unpack_from(f"!{csrc_count}I", octets, offset + HEADER_SIZE) if csrc_count else (),
                    extension_profile if has_extension else None,
                    octets[start - extension_length : start] if extension_length else b"",
                    length - header_length - payload_length,
                    _LEVELS[audio_level],
                )
                if form == FORM_TAKEN:
                    taken.append(_taken((packet_of(fields), session, has_news)))
                else:
                    taken.append(_opened((packet_of(fields), unpack(packed), rtp, session)))
            elif form == FORM_NEWS:
                taken.append(CallNews(session))
            elif form == FORM_RECEIVED:
                taken.append(ReceivedDatagram(octets[offset : offset + length], self._unpack(packed), _KINDS[kind]))
            else:
                packet = octets[offset : offset + length]
                taken.append(OpenedPacket(packet, self._unpack(packed), _KINDS[kind], session))
        return taken

    def _refuse(self, taken: list[Received], reason: DropReason, kind: Kind, session: int) -> None:
        if session:
            taken.append(RefusedPacket(reason, kind, session))
        else:
            self.drops[reason] += 1
